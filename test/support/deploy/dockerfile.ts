interface Instruction {
  readonly name: string;
  readonly value: string;
}

export interface Stage {
  readonly from: string;
  readonly name: string | undefined;
  readonly steps: readonly Instruction[];
}

/** The stages of a Dockerfile, with continued lines joined and comments removed. */
export function parseDockerfile(text: string): Stage[] {
  const instructions = text
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .flatMap((line) => {
      const [, name, value] = /^(\w+)\s+(.*)$/.exec(line.trim()) ?? [];
      return name === undefined || value === undefined ? [] : [{ name, value }];
    });
  const stages: { from: string; name: string | undefined; steps: Instruction[] }[] = [];
  for (const instruction of instructions) {
    const [from = '', , name] = instruction.value.split(/\s+/);
    if (instruction.name === 'FROM') stages.push({ from, name, steps: [] });
    else stages.at(-1)?.steps.push(instruction);
  }
  return stages;
}

/** The stage of that name, or the last one, preceded by the steps of the stages in this file that it is built on. */
export function stageOf(stages: readonly Stage[], target?: string): Stage {
  const stage = target === undefined ? stages.at(-1) : stages.find(({ name }) => name === target);
  if (stage === undefined) throw new Error(`the Dockerfile has no stage ${target}`);
  const base = stages.find(({ name }) => name === stage.from);
  return base === undefined ? stage : { ...stage, steps: [...stageOf(stages, base.name).steps, ...stage.steps] };
}

/** `ENV A=1 B="x y"` of a stage, as an environment. */
export function environmentOf(stage: Stage): Record<string, string> {
  const settings = stage.steps
    .filter(({ name }) => name === 'ENV')
    .flatMap(({ value }) => [...value.matchAll(/(\w+)=("[^"]*"|\S+)/g)]);
  return Object.fromEntries(settings.map(([, name = '', value = '']) => [name, value.replace(/^"|"$/g, '')]));
}
