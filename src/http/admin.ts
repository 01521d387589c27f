/**
 * The admin API: everything operators ask and order. It is served on the Unix socket only, whose file mode is its guard.
 */
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { z } from "zod";
import type { ConnectionQuery } from "../core/table/connection.ts";
import type { Edit } from "../core/document/document.ts";
import { editSchema } from "../core/document/document_wire.ts";
import { USER_LENGTH_MAX } from "../core/document/history.ts";
import { Refusal } from "../core/refusal.ts";
import type { Operations } from "../ports.ts";
import {
  addServiceSchema,
  ADMIN_BODY_BYTES_MAX,
  ADMIN_PREFIX,
  APPLY_BODY_BYTES_MAX,
  APPLY_EDITS_MAX,
  applyHeadSchema,
  connectionsSchema,
  drainServerSchema,
  emptySchema,
  eventsSchema,
  forgetSchema,
  moveVipSchema,
  removeServerSchema,
  removeServiceSchema,
  removeVipSchema,
  rotateSchema,
  serverSchema,
  setServiceSchema,
  settingSchema,
  undoSchema,
  undrainServerSchema,
  USER_HEADER,
  vipOrderSchema,
  wireRefusal,
} from "./admin_wire.ts";
import { answerLines, readLines } from "./event_stream.ts";
import { answerJson } from "./json_pieces.ts";

/** The one route whose body may be long. */
const APPLY_PATH = `${ADMIN_PREFIX}/document/apply`;
/** Edits validated in one go: some ms. */
const TURN_LINES = 16;

/** What the API works on. */
export interface AdminOptions {
  readonly operations: Operations;
  /** Told of errors that are not refusals: faults of the program. */
  readonly onFault?: (error: unknown) => void;
}

/** Makes the API. It never listens; see serve.ts. */
export function adminApp({ operations, onFault }: AdminOptions): Hono {
  const app = new Hono().basePath(ADMIN_PREFIX);
  const short = limitedTo(ADMIN_BODY_BYTES_MAX);
  const long = limitedTo(APPLY_BODY_BYTES_MAX);
  app.use((context, next) => (context.req.path === APPLY_PATH ? long : short)(context, next));
  addQuestions(app, operations);
  const order = orderRoutes(app, operations);
  addServiceOrders(order);
  addServerOrders(order);
  addVipOrders(order);
  addDrainOrders(order);
  addDocumentOrders(app, operations);
  addMemberOrders(order);
  order(
    "/settings",
    settingSchema,
    ({ name, value }, operations) => operations.setSetting(name, value),
  );
  app.notFound((context) => refuse(context, usage(context, "there is no such route"), 404));
  app.onError((error, context) => answerError(context, error, onFault));
  return app;
}

function addQuestions(app: Hono, operations: Operations): void {
  app.get("/status", async (context) => answerJson(context, await operations.status()));
  app.get("/table", async (context) => answerJson(context, { rows: await operations.table() }));
  app.get("/events", (context) => {
    const query = queryOf(context, eventsSchema);
    return answerLines(
      context,
      operations.events({
        limit: query.limit ?? null,
        sinceMs: query.since ?? null,
        follow: query.follow === "true",
      }),
    );
  });
  app.post("/connections", async (context) => {
    const { limit, service, server, serverPort } = await body(context, connectionsSchema);
    const filter: ConnectionQuery = {
      limit,
      ...(service === undefined ? {} : { service }),
      ...(server === undefined ? {} : { server }),
      ...(serverPort === undefined ? {} : { serverPort }),
    };
    return answerJson(context, await operations.connections(filter));
  });
}

function addServiceOrders(order: AddOrder): void {
  order("/services", addServiceSchema, ({ service }, operations) => operations.addService(service));
  order(
    "/services/set",
    setServiceSchema,
    ({ service, change }, operations) => operations.setService(service, change),
  );
  order(
    "/services/remove",
    removeServiceSchema,
    ({ service }, operations) => operations.removeService(service),
  );
}

function addServerOrders(order: AddOrder): void {
  order(
    "/servers",
    serverSchema,
    ({ service, server, settings }, operations) => operations.addServer(service, server, settings),
  );
  order(
    "/servers/set",
    serverSchema,
    ({ service, server, settings }, operations) => operations.setServer(service, server, settings),
  );
  order(
    "/servers/remove",
    removeServerSchema,
    ({ service, server, now }, operations) => operations.removeServer(service, server, now),
  );
}

function addVipOrders(order: AddOrder): void {
  order(
    "/vips",
    vipOrderSchema,
    ({ vip, settings }, operations) => operations.addVip(vip, settings),
  );
  order(
    "/vips/set",
    vipOrderSchema,
    ({ vip, settings }, operations) => operations.setVip(vip, settings),
  );
  order("/vips/remove", removeVipSchema, ({ vip }, operations) => operations.removeVip(vip));
  order("/vips/move", moveVipSchema, ({ vip, node }, operations) => operations.moveVip(vip, node));
}

function addMemberOrders(order: AddOrder): void {
  order("/nodes/forget", forgetSchema, ({ node }, operations) => operations.forget(node));
  order(
    "/token/rotate",
    rotateSchema,
    (rotation, operations) => operations.rotateToken(rotation),
  );
  order("/token/abort", emptySchema, (_, operations) => operations.abortRotation());
  order("/token/finish", emptySchema, (_, operations) => operations.finishRotation());
  order("/leave", emptySchema, (_, operations) => operations.leave());
}

function addDrainOrders(order: AddOrder): void {
  order(
    "/drains",
    drainServerSchema,
    ({ server, order }, operations) => operations.drain(server, order),
  );
  order(
    "/drains/end",
    undrainServerSchema,
    ({ server, service }, operations) => operations.undrain(server, service),
  );
}

function addDocumentOrders(app: Hono, operations: Operations): void {
  app.get("/document", (context) => answerJson(context, operations.document()));
  app.post("/document/apply", async (context) => {
    const { head, edits } = await applyOrder(context);
    const answer = await operations.by(userOf(context)).apply({ ...head, edits });
    return answerJson(context, answer);
  });
  app.get("/history", (context) => answerJson(context, { edits: operations.history() }));
  app.post("/undo", async (context) => {
    const asked = await body(context, undoSchema);
    return answerJson(context, await operations.by(userOf(context)).undo(asked));
  });
}

/** Reads the lines of an order piece by piece, so that a long one holds up nothing else. */
async function applyOrder(
  context: Context,
): Promise<{ readonly head: z.infer<typeof applyHeadSchema>; readonly edits: Edit[] }> {
  let head: z.infer<typeof applyHeadSchema> | undefined;
  const edits: Edit[] = [];
  for await (const raw of jsonLines(context)) {
    if (head === undefined) head = valid(context, applyHeadSchema, raw);
    else edits.push(valid(context, editSchema, raw));
    if (edits.length > APPLY_EDITS_MAX) {
      throw usage(context, `the order has more than ${APPLY_EDITS_MAX} edits`);
    }
    if (edits.length % TURN_LINES === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  if (head === undefined) throw usage(context, "the body is empty");
  return { head, edits };
}

async function* jsonLines(context: Context): AsyncGenerator<unknown> {
  try {
    if (context.req.raw.body !== null) yield* readLines(context.req.raw.body);
  } catch (error) {
    throw error instanceof Refusal ? error : usage(context, "the body is not lines of JSON");
  }
}

function limitedTo(maxSize: number): MiddlewareHandler {
  return bodyLimit({
    maxSize,
    onError: (context) =>
      refuse(context, usage(context, `the body has more than ${maxSize} bytes`), 413),
  });
}

/** Adds a route that changes something and answers with a line for the person who asked. */
type AddOrder = <Schema extends z.ZodType>(
  path: string,
  schema: Schema,
  work: (order: z.infer<Schema>, operations: Operations) => Promise<string>,
) => void;

function orderRoutes(app: Hono, operations: Operations): AddOrder {
  return (path, schema, work) => {
    app.post(path, async (context) => {
      const asked = await body(context, schema);
      return done(context, await work(asked, operations.by(userOf(context))));
    });
  };
}

/** Who asks, as far as the header says it: printable ASCII, for it is shown on terminals. */
function userOf(context: Context): string {
  const text = context.req.header(USER_HEADER) ?? "";
  return text.replace(/[^\x21-\x7e]/g, "").slice(0, USER_LENGTH_MAX);
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
  return valid(context, schema, raw);
}

/** The query, valid; throws a {@link Refusal} that names the first part that is not. */
function queryOf<Schema extends z.ZodType>(context: Context, schema: Schema): z.infer<Schema> {
  return valid(context, schema, context.req.query());
}

function valid<Schema extends z.ZodType>(
  context: Context,
  schema: Schema,
  raw: unknown,
): z.infer<Schema> {
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
