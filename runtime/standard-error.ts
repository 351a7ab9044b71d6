import { z } from 'zod';
import { type ErrorCode, errorCodes } from './errors.ts';
import { count, time } from './shape.ts';

/** What commands write to standard error with `--json`: one JSON object a line, of one of these shapes. */

const codes = Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]];

/** Why a command failed, as its last line. */
export const errorLineShape = z.object({
  time: time.describe('when it was written'),
  error: z
    .object({
      code: z.enum(codes).describe('the kind of error'),
      message: z.string().describe('what happened and what to do; it may have several lines'),
      retriable: z.boolean().describe('whether the same command may succeed later without any change'),
      exitCode: count.describe('with which the process ends'),
      stack: z.string().optional().describe('where an unexpected error occurred'),
    })
    .describe('why the command failed'),
});

/** How far a command is, every few seconds. */
export const progressLineShape = z.object({
  time: time.describe('when it was written'),
  progress: z
    .object({
      task: z.string().describe('such as walk, fetch, load, dbt or replay'),
      done: z.number().describe('things that are done'),
      total: z.number().nullable().describe('things to do; null while unknown'),
      unit: z.string().describe('the things, in the plural'),
      perSecond: z.number().nullable().describe('the present rate; null while unknown'),
      secondsLeft: z.number().nullable().describe('time left at this rate; null while unknown'),
    })
    .describe('one task'),
});

/** A line of the log. It has more keys, which depend on the message. */
export const logLineShape = z.looseObject({
  level: count.describe('10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal; LOG_LEVEL says which are written'),
  time: time.describe('when it was written'),
  msg: z.string().describe('the message, which may change'),
});
