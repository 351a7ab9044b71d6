import { definePrinter } from './engine/command.ts';
import { completionScript, shells } from './engine/completions.ts';
import { manPage } from './engine/man-page.ts';
import { positional } from './engine/option.ts';
import { oneOf } from './engine/value-types.ts';

export const completion = definePrinter({
  name: 'completion',
  summary: 'print the completions for bash, zsh or fish',
  description: [
    'Prints a script that lets the shell complete commands, options and values. The examples show how to load it.',
  ],
  examples: [
    ['completion bash', 'in ~/.bashrc: source <(npx tmdb-stream completion bash)'],
    ['completion zsh', 'in ~/.zshrc after compinit: source <(npx tmdb-stream completion zsh)'],
    ['completion fish', 'in config.fish: npx tmdb-stream completion fish | source'],
  ],
  options: { shell: positional(oneOf('SHELL', shells), 'bash, zsh or fish') },
  text: ({ shell }, entries) => completionScript(shell, entries),
});

export const man = definePrinter({
  name: 'man',
  summary: 'print the manual page',
  description: ['Prints the manual page of all commands, in the format of man.'],
  examples: [['man', 'print it; to read it: npx tmdb-stream man | man -l -']],
  options: {},
  text: (_, entries) => manPage(entries),
});
