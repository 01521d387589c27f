/**
 * The process that serves the sorry page. When every server of a service has died, all its clients arrive here: the
 * agent's own loop must not be what they wait for.
 *
 * It is told what to serve by lines of JSON on its standard input, answers each with a line, and ends with its input, so
 * it never outlives the agent.
 */
import { setPriority } from "node:os";
import { z } from "zod";
import {
  RETRY_AFTER_S,
  SORRY_PAGE_BYTES_MAX,
  SORRY_TEXT,
  type SorryWish,
} from "../../core/pool/sorry_page.ts";

/** Nice value: below the agent and the web servers that are to come back. */
const NICE = 5;
/** A client that says nothing for so long is sent away, s. */
const IDLE_S = 5;
/** Nobody has to send more than a request line to a page that is always the same, bytes. */
const BODY_BYTES_MAX = 1_024;
/** How often a file is looked at for changes, ms. */
const FILE_MS = 2_000;

/** What it answers: it serves (`problem` null) or cannot; `warning`: it serves something else instead. */
export const sorryAnswerSchema = z.object({
  problem: z.string().nullable(),
  warning: z.string().nullable(),
});
const wishSchema = z.object({ port: z.int(), page: z.string() });

interface Page {
  readonly body: Uint8Array;
  readonly type: string;
}

/** Serves until the input ends. */
export async function runSorryServer(
  input: AsyncIterable<Uint8Array>,
  print: (line: string) => void,
): Promise<void> {
  try {
    setPriority(NICE);
  } catch {
    // Not allowed: it serves all the same.
  }
  let server: ReturnType<typeof serve> | null = null;
  for await (const line of linesOf(input)) {
    const wish = wishSchema.parse(JSON.parse(line));
    await server?.stop(true);
    const content = pageContent(wish.page);
    const warning = await content.refresh();
    try {
      server = serve(wish, content);
      print(JSON.stringify({ problem: null, warning }));
    } catch (error) {
      server = null;
      print(JSON.stringify({ problem: (error as Error).message, warning }));
    }
  }
  await server?.stop(true);
}

function serve({ port }: SorryWish, content: ReturnType<typeof pageContent>) {
  const options = {
    port,
    idleTimeout: IDLE_S,
    maxRequestBodySize: BODY_BYTES_MAX,
    fetch: (request: Request) => answer(request, content.current()),
  };
  try {
    return Bun.serve({ ...options, hostname: "::" });
  } catch {
    // A machine without IPv6; what else is wrong is wrong here too, and told.
    return Bun.serve({ ...options, hostname: "0.0.0.0" });
  }
}

function answer(request: Request, { body, type }: Page): Response {
  return new Response(request.method === "HEAD" ? null : body.slice().buffer, {
    status: 503,
    headers: {
      "content-type": type,
      "retry-after": String(RETRY_AFTER_S),
      "cache-control": "no-store",
      // The next request is to meet the pool again as soon as it is back.
      "connection": "close",
    },
  });
}

/** The page, read anew when its file changes. */
function pageContent(page: string) {
  const plain = (text: string): Page => ({
    body: new TextEncoder().encode(`${text}\n`),
    type: "text/plain; charset=utf-8",
  });
  let now = plain(page === "auto" || page.startsWith("/") ? SORRY_TEXT : page);
  let lookedMs = -Infinity;
  let changedMs = -1;
  async function refresh(): Promise<string | null> {
    if (!page.startsWith("/")) return null;
    lookedMs = performance.now();
    const file = Bun.file(page);
    try {
      const { size, mtimeMs } = await file.stat();
      if (mtimeMs === changedMs) return null;
      if (size > SORRY_PAGE_BYTES_MAX) {
        return `${page} has ${size} bytes, ${SORRY_PAGE_BYTES_MAX} at most are served`;
      }
      const body = (await file.bytes()).slice(0, SORRY_PAGE_BYTES_MAX);
      now = { body, type: "text/html; charset=utf-8" };
      changedMs = mtimeMs;
      return null;
    } catch (error) {
      return `cannot read ${page}: ${(error as Error).message}`;
    }
  }
  return {
    refresh,
    current(): Page {
      if (page.startsWith("/") && performance.now() - lookedMs > FILE_MS) void refresh();
      return now;
    },
  };
}

async function* linesOf(input: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of input) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
