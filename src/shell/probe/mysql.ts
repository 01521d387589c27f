/**
 * The MySQL and MariaDB probe: logs in and runs a query, which must give a row. A login that is not begun would
 * be counted against this host (max_connect_errors), so there is no check without one.
 *
 * It stands on mysql2, over a connection of the probe's own, rather than on Bun.SQL: that (1.4.5, tried)
 * connects by itself, tries five times when the server closes, waits whole seconds, and takes in all a server pours out.
 */
import { type Connection as Client, createConnection } from "mysql2";
import type { CheckOf } from "../../core/check.ts";
import type { ProbeResult, ProbeTarget } from "../../ports.ts";
import { ProbeFailure } from "./attempt.ts";
import { converse, type TalkContext } from "./connection.ts";
import { RowJudge } from "./rows.ts";
import { complaint, throughLibrary, Wire } from "./wire.ts";

/** A greeting begins with its length (3 bytes), number 0, and version 10 or an error (MySQL, "Protocol::Handshake"). */
const GREETING_BYTES = 5;
const PROTOCOL_VERSION = 10;
const ERROR_MARK = 0xff;
/** Longest greeting that is believed, bytes: it is about 100. */
const GREETING_LENGTH_MAX = 4_096;

type MysqlCheck = CheckOf<"mysql">;
/** The method by which mysql2 begins TLS; its own would not use the probe's authorities, name and time. */
type Upgradable = { startTLS: (onSecure: () => void) => void };

/** Logs in and asks once. Resolves as {@link converse} does. */
export function probeMysql(
  target: ProbeTarget<MysqlCheck>,
  context: TalkContext,
): Promise<ProbeResult | null> {
  const { check } = target;
  return converse(target, context, async (connection, attempt) => {
    const pattern = context.pattern(check.expect);
    const wire = new Wire(connection, attempt);
    wire.expect("the greeting");
    checkGreeting(await wire.peek(GREETING_BYTES));
    wire.expect("the login");
    const { promise: failed, reject } = Promise.withResolvers<never>();
    const client = openClient(check, wire, reject);
    return throughLibrary(wire, async () => {
      await Promise.race([failed, login(client, check)]);
      wire.expect("the answer to the query");
      await Promise.race([failed, ask(client, check, (right) => new RowJudge(pattern, right))]);
      client.end(() => {});
      return "query answered";
    });
  });
}

function checkGreeting(greeting: Buffer): void {
  const isGreeting = greeting.readUIntLE(0, 3) <= GREETING_LENGTH_MAX && greeting[3] === 0 &&
    (greeting[4] === PROTOCOL_VERSION || greeting[4] === ERROR_MARK);
  if (!isGreeting) throw new ProbeFailure("does not speak MySQL's protocol");
}

/** `failed` gets what has nothing to do with the answer to a command. */
function openClient(check: MysqlCheck, wire: Wire, failed: (error: Error) => void): Client {
  const client = createConnection({
    stream: wire,
    user: check.user,
    password: check.password ?? "",
    ...(check.database === null ? {} : { database: check.database }),
    // The probe has a deadline of its own.
    connectTimeout: 0,
    // Only that TLS is wanted: see startTLS below.
    ...(check.security === "tls" ? { ssl: {} } : {}),
    // Otherwise parsers are made as program text from the names a server gives to columns.
    disableEval: true,
    multipleStatements: false,
    // Otherwise a server may ask for files of this node (LOAD DATA LOCAL).
    flags: ["-LOCAL_FILES"],
    rowsAsArray: true,
    typeCast: (field) => field.string(),
  });
  const upgradable = client as unknown as Upgradable;
  upgradable.startTLS = (onSecure) => {
    wire.expect("the login");
    wire.startTls(onSecure);
  };
  // mysql2 would go on, and write to the console.
  client.on("warn", (error: Error) => {
    throw error;
  });
  client.on("error", (error: Error) => {
    failed(new ProbeFailure(`login refused: ${complaint(error, check.password)}`));
  });
  return client;
}

function login(client: Client, check: MysqlCheck): Promise<void> {
  return new Promise((resolve, reject) => {
    client.connect((error) => {
      if (error === null) resolve();
      else reject(new ProbeFailure(`login refused: ${complaint(error, check.password)}`));
    });
  });
}

function ask(
  client: Client,
  check: MysqlCheck,
  judgeFor: (right: () => void) => RowJudge,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const judge = judgeFor(resolve);
    const query = client.query(check.query);
    query.on("result", (row) => judge.take(row));
    query.on("end", () => reject(judge.failure()));
    query.on("error", (error: Error) => {
      reject(new ProbeFailure(`query failed: ${complaint(error, check.password)}`));
    });
  });
}
