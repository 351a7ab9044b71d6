const characters = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
/** All pairs, so that a name of 27 characters takes 14 steps. */
const pairs = Array.from(characters, (first) => Array.from(characters, (second) => first + second)).flat();

/** A path like those of TMDb's images; there is no image. */
export function imagePath(seed: number, extension: 'jpg' | 'png' = 'jpg'): string {
  let state = seed;
  let name = '';
  for (let pair = 0; pair < 13; pair += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    name += pairs[(state >>> 8) % pairs.length];
  }
  return `/${name}${characters[state % 62]}.${extension}`;
}
