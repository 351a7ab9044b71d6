import { read } from './project.ts';

/**
 * The text of one section of a page, without its subsections and the other sections.
 * @param heading without `#`. @throws Error if the page has no such section.
 */
export function sectionOf(page: string, heading: string): string {
  const [, section] = read(page).split(new RegExp(`^#+ ${heading}\\n`, 'm'));
  if (section === undefined) throw new Error(`${page} has no section "${heading}"`);
  return section.split(/^#+ /m)[0] ?? '';
}

/** The commands in the code blocks of a text, without their comments. */
export const fencedCommands = (text: string): string[] =>
  [...text.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block = '']) =>
    block
      .split('\n')
      .map((line) => line.replace(/(?:^| +)# .*$/, '').trim())
      .filter((line) => line !== ''),
  );
