// Reads the marks of a chart to a pointer and to the arrow keys. The page is complete without it: each chart has a table.
const box = document.getElementById('mark');
const live = document.getElementById('live');

function hide(figure) {
  for (const mark of figure.querySelectorAll('.read')) mark.classList.remove('read');
  box.hidden = true;
}

/** Shows what a mark means beside it. Returns the text. */
function show(figure, mark) {
  hide(figure);
  const text = JSON.parse(figure.dataset.marks)[Number(mark.dataset.row)] ?? '';
  mark.classList.add('read');
  box.textContent = text;
  box.dir = 'auto';
  box.hidden = false;
  const at = mark.getBoundingClientRect();
  const { width, height } = box.getBoundingClientRect();
  const below = at.top - height - 8 < 0;
  box.style.left = `${Math.max(4, Math.min(innerWidth - width - 4, at.left + at.width / 2 - width / 2))}px`;
  box.style.top = `${below ? at.bottom + 8 : at.top - height - 8}px`;
  return text;
}

const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };

for (const figure of document.querySelectorAll('figure[data-marks]')) {
  figure.addEventListener('pointermove', ({ target }) => {
    const mark = target.closest('[data-series="0"]');
    if (mark) show(figure, mark);
    else hide(figure);
  });
  figure.addEventListener('pointerleave', () => hide(figure));
  for (const svg of figure.querySelectorAll('svg[tabindex]')) {
    const byRow = (a, b) => a.dataset.row - b.dataset.row;
    const marks = [...svg.querySelectorAll('[data-series="0"]')].sort(byRow);
    let at = -1;
    svg.addEventListener('keydown', (event) => {
      const step = steps[event.key];
      if (event.key === 'Escape') hide(figure);
      if (step === undefined || marks.length === 0) return;
      event.preventDefault();
      at = Math.max(0, Math.min(marks.length - 1, at + step));
      marks[at].scrollIntoView({ block: 'nearest' });
      live.textContent = show(figure, marks[at]);
    });
    svg.addEventListener('blur', () => {
      at = -1;
      hide(figure);
    });
  }
}
