/**
 * Large JSON answers in pieces, so that writing one holds the event loop for a fraction of a millisecond at a time:
 * a table of 11,000 rows is 10 MB, and pulses have to go out meanwhile.
 *
 * What goes over the wire is one ordinary JSON document. One that breaks off is no JSON, so nobody takes half an
 * answer for a whole one.
 */
import type { Context } from "hono";
import { createTurnShare } from "./turn_share.ts";

/** Characters of one piece: some 0.2 ms of work as measured, a few ms when memory is tidied up meanwhile. */
const PIECE_CHARS = 32_768;
/** How deep lists are looked for: document, services, service, servers. What lies deeper is small. */
const DEPTH_MAX = 4;
/**
 * Time for one answer to be read, ms: 10 MB take a second or two. Whoever reads more slowly keeps memory and a
 * connection, for which an endpoint that is open to strangers has no use.
 */
export const READ_MS_MAX = 30_000;
/** Longest list that is written in one go. */
const ITEMS_MAX = 16;

/** Writes a value as JSON.stringify does, in pieces of about {@link PIECE_CHARS}. */
export function* jsonPieces(value: unknown): Generator<string, void, undefined> {
  let piece = "";
  for (const text of fragments(value, DEPTH_MAX)) {
    piece += text;
    if (piece.length < PIECE_CHARS) continue;
    yield piece;
    piece = "";
  }
  if (piece !== "") yield piece;
}

function* fragments(value: unknown, depth: number): Generator<string, void, undefined> {
  if (typeof value !== "object" || value === null || !isLarge(value, depth)) {
    yield JSON.stringify(value) ?? "null";
    return;
  }
  if (Array.isArray(value)) {
    yield "[";
    for (const [index, item] of value.entries()) {
      if (index > 0) yield ",";
      yield* fragments(item, depth - 1);
    }
    yield "]";
    return;
  }
  let separator = "{";
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined) continue;
    yield `${separator}${JSON.stringify(key)}:`;
    yield* fragments(item, depth - 1);
    separator = ",";
  }
  yield separator === "{" ? "{}" : "}";
}

/** Whether there is a long list in it, looked for so deep. */
function isLarge(value: unknown, depth: number): boolean {
  if (depth === 0 || typeof value !== "object" || value === null) return false;
  if (Array.isArray(value) && value.length > ITEMS_MAX) return true;
  return Object.values(value).some((item) => isLarge(item, depth - 1));
}

/** Pieces written in one turn, for all readers together: some milliseconds of work. */
const PIECES_PER_TURN_MAX = 8;
const room = createTurnShare(PIECES_PER_TURN_MAX);

/** Answers with a value: at once when it is one piece, else piece by piece, with a turn of the event loop before each. */
export function answerJson(
  context: Context,
  value: unknown,
  { readMsMax = READ_MS_MAX }: { readonly readMsMax?: number } = {},
): Response {
  const headers = { "Content-Type": "application/json" };
  const pieces = jsonPieces(value);
  const first = pieces.next();
  const second = pieces.next();
  const start = first.value ?? "";
  if (second.done) return context.body(start, 200, headers);
  return context.body(streamOf([start, second.value], pieces, readMsMax), 200, headers);
}

function streamOf(
  begun: readonly string[],
  rest: Iterator<string, void, undefined>,
  readMsMax: number,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const ready = [...begun];
  let timer: Timer | undefined;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      timer = setTimeout(() => controller.error(new Error("read too slowly")), readMsMax);
    },
    cancel: () => clearTimeout(timer),
    async pull(controller) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      await room();
      const piece = ready.shift() ?? rest.next().value;
      if (piece === undefined) {
        clearTimeout(timer);
        controller.close();
      } else controller.enqueue(encoder.encode(piece));
    },
  }, { highWaterMark: 0 });
}
