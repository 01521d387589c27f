/**
 * Answers of which nobody knows the end: lines of JSON, one value each. While nothing happens an empty line now and then
 * keeps the connection from being taken for dead, and finds a reader who is gone.
 */
import type { Context } from "hono";

/** Time between two empty lines, ms: below any idle time of the socket. */
const BEAT_MS = 5_000;
/** Longest line, characters: an event has 600 of text, each written in six at most, and its fields. */
const LINE_MAX = 65_536;

/** Answers with the values as they come. */
export function answerLines(context: Context, values: AsyncIterable<unknown>): Response {
  const headers = { "Content-Type": "application/x-ndjson" };
  return context.body(linesOf(values), 200, headers);
}

function linesOf(values: AsyncIterable<unknown>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const iterator = values[Symbol.asyncIterator]();
  let next: Promise<IteratorResult<unknown>> | null = null;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      // The same question is asked on after a beat: its answer may be the next event.
      next ??= iterator.next();
      const result = await orBeat(next);
      if (result === null) return controller.enqueue(encoder.encode("\n"));
      next = null;
      if (result.done) return controller.close();
      controller.enqueue(encoder.encode(`${JSON.stringify(result.value)}\n`));
    },
    async cancel() {
      await iterator.return?.();
    },
  }, { highWaterMark: 0 });
}

async function orBeat<Value>(value: Promise<Value>): Promise<Value | null> {
  let timer: Timer | undefined;
  const beat = new Promise<null>((resolve) => timer = setTimeout(() => resolve(null), BEAT_MS));
  try {
    return await Promise.race([value, beat]);
  } finally {
    clearTimeout(timer);
  }
}

/** The values of such an answer. Throws when a line is none, or has no end. */
export async function* readLines(body: ReadableStream<Uint8Array>): AsyncGenerator<unknown> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > LINE_MAX) throw new Error("a line without an end");
    for (const line of lines) if (line !== "") yield JSON.parse(line);
  }
}
