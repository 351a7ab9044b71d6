import { z } from 'zod';

/**
 * The few fields of TMDb's answers that the pipeline relies on; everything else travels untouched in the raw bytes.
 * Loose on purpose: new keys appear without notice.
 */
const id = z.int32().positive();

export const MovieAnswer = z.looseObject({ id });

export const PopularPage = z.looseObject({
  page: z.number().int().positive(),
  total_pages: z.number().int().nonnegative(),
  results: z.array(z.looseObject({ id })),
});

export const GenreList = z.looseObject({ genres: z.array(z.looseObject({ id, name: z.string() })).min(1) });

/** Error bodies. */
export const ErrorAnswer = z.looseObject({ status_code: z.number().int(), status_message: z.string().optional() });
