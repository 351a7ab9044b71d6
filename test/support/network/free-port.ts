import { freePorts } from '../../../runtime/free-ports.ts';

/** A free loopback port. */
export const freePort = async (): Promise<number> => (await freePorts(1))[0] ?? 0;
