import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { html, trusted } from '../../../dashboard/html.ts';
import { markdown } from '../../../dashboard/markdown.ts';

describe('a template of HTML', () => {
  it('[S8] escapes every value, in elements and in attributes', () => {
    const odd = `<b>"it's" & so</b>`;
    expect(`${html`<p title="${odd}">${odd}</p>`}`).toBe(
      '<p title="&lt;b&gt;&quot;it&#39;s&quot; &amp; so&lt;/b&gt;">&lt;b&gt;&quot;it&#39;s&quot; &amp; so&lt;/b&gt;</p>',
    );
  });

  it('lets no text end its element or its attribute', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(`${html`${text}`}`).not.toMatch(/[<>"']|&(?!(?:amp|lt|gt|quot|#39);)/);
      }),
      { numRuns: 30 },
    );
  });

  it('keeps what it made, joins lists, and shows nothing for what is absent', () => {
    expect(`${html`<ul>${['a&b', 2].map((item) => html`<li>${item}</li>`)}</ul>${null}${undefined}${false}${0}`}`).toBe(
      '<ul><li>a&amp;b</li><li>2</li></ul>0',
    );
    expect(`${html`${trusted('<svg></svg>')}`}`).toBe('<svg></svg>');
  });

  it('replaces characters that HTML does not admit, and keeps other scripts', () => {
    expect(`${html`${'a\0b\ud800c\u202e\n'}`}`).toBe('a\ufffdb\ufffdc\u202e\n');
    expect(`${html`${'مرحبا 😀 映画'}`}`).toBe('مرحبا 😀 映画');
  });
});

describe('the Markdown of the documentation', () => {
  it('has paragraphs, headings, tables, code and bold text, and is escaped', () => {
    const text = '# A <b>\n\nOne `x < 1`,\n**two**.\n\n| a | b |\n|---|---|\n| `1` | 2 |';
    expect(markdown(text).join('')).toBe(
      '<h2>A &lt;b&gt;</h2><p>One <code>x &lt; 1</code>, <strong>two</strong>.</p>' +
        '<div class="scroll" tabindex="0" role="region" aria-label="Table: a"><table><thead><tr><th scope="col">a</th><th scope="col">b</th></tr></thead>' +
        '<tbody><tr><td><code>1</code></td><td>2</td></tr></tbody></table></div>',
    );
  });
});
