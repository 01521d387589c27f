/**
 * The admin API: what changes a cluster. It is served on the Unix socket only, whose file mode is its guard.
 */
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { z } from "zod";
import { Refusal } from "../core/refusal.ts";
import type { Operations } from "../ports.ts";
import {
  addServiceSchema,
  ADMIN_BODY_BYTES_MAX,
  ADMIN_PREFIX,
  moveVipSchema,
  removeServiceSchema,
  wireRefusal,
} from "./admin_wire.ts";

/** What the API works on. */
export interface AdminOptions {
  readonly operations: Operations;
  /** Told of errors that are not refusals: faults of the program. */
  readonly onFault?: (error: unknown) => void;
}

/** Makes the API. It never listens; see serve.ts. */
export function adminApp({ operations, onFault }: AdminOptions): Hono {
  const app = new Hono().basePath(ADMIN_PREFIX);
  app.use(bodyLimit({
    maxSize: ADMIN_BODY_BYTES_MAX,
    onError: (context) =>
      refuse(context, usage(context, `the body has more than ${ADMIN_BODY_BYTES_MAX} bytes`), 413),
  }));
  app.get("/status", (context) => context.json(operations.status()));
  app.post("/services", async (context) => {
    const { service } = await body(context, addServiceSchema);
    return done(context, await operations.addService(service));
  });
  app.post("/services/remove", async (context) => {
    const name = await body(context, removeServiceSchema);
    return done(context, await operations.removeService(name));
  });
  app.post("/vips/move", async (context) => {
    const { vip, node } = await body(context, moveVipSchema);
    return done(context, await operations.moveVip(vip, node));
  });
  app.post("/leave", async (context) => done(context, await operations.leave()));
  app.notFound((context) => refuse(context, usage(context, "there is no such route"), 404));
  app.onError((error, context) => answerError(context, error, onFault));
  return app;
}

function done(context: Context, message: string): Response {
  return context.json({ message });
}

/** The body, valid; throws a {@link Refusal} that names the first field that is not. */
async function body<Schema extends z.ZodType>(
  context: Context,
  schema: Schema,
): Promise<z.infer<Schema>> {
  let raw: unknown;
  try {
    raw = await context.req.json();
  } catch {
    throw usage(context, "the body is not JSON");
  }
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw usage(context, `${issue?.path.join(".") || "body"}: ${issue?.message ?? "not valid"}`);
}

function usage(context: Context, problem: string): Refusal {
  return new Refusal({
    attempted: `${context.req.method} ${context.req.path}`,
    problem,
    remedy: "use the same version of troop as the agent",
    kind: "usage",
  });
}

function answerError(
  context: Context,
  error: Error,
  onFault: AdminOptions["onFault"],
): Response {
  if (error instanceof Refusal) return refuse(context, error, error.kind === "usage" ? 400 : 409);
  onFault?.(error);
  const fault = new Refusal({
    attempted: `${context.req.method} ${context.req.path}`,
    problem: `a fault in the agent: ${error.message}`,
    remedy: "look at the agent's log, and report it",
  });
  return refuse(context, fault, 500);
}

function refuse(context: Context, refusal: Refusal, status: 400 | 404 | 409 | 413 | 500): Response {
  return context.json(wireRefusal(refusal), status);
}
