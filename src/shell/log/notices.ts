/**
 * What the communication adapters report: the shape of a pino logger, cut down to what they use, so that
 * tests can listen and the real log needs no wrapper.
 */

/** Takes one report. Fields are data; the message is a sentence without a final period. */
export interface Notices {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Takes reports and forgets them. */
export const NO_NOTICES: Notices = { debug: ignore, info: ignore, warn: ignore };

function ignore(): void {}

/** The message of a thrown value, whatever it is. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The code of a system error (`EADDRINUSE`); empty when the thrown value has none. */
export function errorCode(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : "";
}
