/**
 * The read-only HTTP endpoint: status, its schema, health and metrics. Nothing here changes anything, and nothing
 * secret is told.
 */
import { type Context, Hono } from "hono";
import { html } from "hono/html";
import { statusJsonSchema } from "../core/status/status_schema.ts";
import type { Status } from "../core/status/status.ts";
import type { Operations } from "../ports.ts";
import { answerJson } from "./json_pieces.ts";
import { METRICS_TYPE, metricsText } from "./metrics.ts";

/** What the endpoint shows. */
export interface PublicOptions {
  readonly operations: Pick<Operations, "status" | "counters">;
  /** Null while the agent's loop runs, else in words why it does not. */
  readonly health: () => string | null;
  /** Told of faults of the program. */
  readonly onFault?: (error: unknown) => void;
}

/** Makes the endpoint. It never listens; see serve.ts. */
export function publicApp({ operations, health, onFault }: PublicOptions): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    // Before the answer is made: afterwards Hono copies it, and the copy has no Content-Type.
    context.header("Cache-Control", "no-store");
    context.header("X-Content-Type-Options", "nosniff");
    context.header("Content-Security-Policy", "default-src 'none'");
    await next();
  });
  const status = shared(() => operations.status());
  app.get("/", async (context) => index(context, await status()));
  app.get("/api/v1/status", async (context) => answerJson(context, await status()));
  app.get("/api/v1/schema", (context) => context.json(statusJsonSchema()));
  app.get("/healthz", (context) => {
    const problem = health();
    return problem === null ? context.text("ok\n") : context.text(`${problem}\n`, 503);
  });
  const metrics = shared(async () =>
    metricsText({ status: await status(), counters: operations.counters() })
  );
  app.get(
    "/metrics",
    async (context) => context.body(await metrics(), 200, { "Content-Type": METRICS_TYPE }),
  );
  app.on(["POST", "PUT", "PATCH", "DELETE"], "*", (context) => {
    context.header("Allow", "GET, HEAD");
    return problem(context, "this endpoint is read-only; use the troop command", 405);
  });
  app.notFound((context) => problem(context, `there is no ${context.req.path}; see /`, 404));
  app.onError((error, context) => {
    onFault?.(error);
    return problem(context, "a fault in the agent; look at its log", 500);
  });
  return app;
}

function problem(context: Context, error: string, status: 404 | 405 | 500): Response {
  return context.json({ error }, status);
}

/** One at a time, shared by all who ask meanwhile: however many ask, the loop's share stays the same. */
function shared<Result>(make: () => Promise<Result>): () => Promise<Result> {
  let running: Promise<Result> | undefined;
  return () => {
    running ??= make().finally(() => {
      running = undefined;
    });
    return running;
  };
}

const pages = [
  ["/api/v1/status", "status of the cluster, JSON"],
  ["/api/v1/schema", "JSON schema of the status"],
  ["/healthz", "200 while the agent runs well, else 503"],
  ["/metrics", "metrics for Prometheus"],
] as const;

function index(
  context: Context,
  { cluster, node, version }: Status,
): Response | Promise<Response> {
  const title = `troop ${version}: node ${node} of cluster ${cluster}`;
  if (!(context.req.header("Accept") ?? "").includes("text/html")) {
    return context.text(
      `${title}\n\n${pages.map(([path, about]) => `${path.padEnd(16)} ${about}\n`).join("")}`,
    );
  }
  return context.html(html`
    <!doctype html>
    <html lang="en">
      <meta charset="utf-8">
      <title>${title}</title>
      <h1>${title}</h1>
      <ul>
    ${pages.map(([path, about]) => html`<li><a href="${path}">${path}</a>: ${about}</li>`)}
      </ul>
    </html>
  `);
}
