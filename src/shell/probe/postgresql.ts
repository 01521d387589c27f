/**
 * The PostgreSQL probe: logs in and runs a query, which must give a row.
 *
 * It stands on pg, over a connection of the probe's own, rather than on Bun.SQL: that (1.4.5, tried)
 * connects by itself, tries five times when the server closes, waits whole seconds, and takes in all a server pours out.
 */
import type { Duplex } from "node:stream";
import { Client, type CustomTypesConfig, Query } from "pg";
import type { CheckOf } from "../../core/check.ts";
import type { ProbeResult, ProbeTarget } from "../../ports.ts";
import { type Attempt, ProbeFailure } from "./attempt.ts";
import { type Connection, converse, type TalkContext } from "./connection.ts";
import { RowJudge } from "./rows.ts";
import { complaint, throughLibrary, Wire } from "./wire.ts";

/** SSLRequest: its length and the magic number (PostgreSQL, "Message Formats"). */
const SSL_REQUEST = new Uint8Array([0, 0, 0, 8, 4, 210, 22, 47]);
/** What a server may answer to a startup message: authentication, an error, a notice, or other versions. */
const FIRST_MESSAGES = "RENv";
/** Longest first message that is believed, bytes: an error is a few hundred. */
const FIRST_LENGTH_MAX = 65_536;
/** Columns stay text: nothing a server names is looked up or run. */
const AS_TEXT: CustomTypesConfig = { getTypeParser: () => (value: unknown) => value };

type PostgresqlCheck = CheckOf<"postgresql">;

/** Logs in and asks once. Resolves as {@link converse} does. */
export function probePostgresql(
  target: ProbeTarget<PostgresqlCheck>,
  context: TalkContext,
): Promise<ProbeResult | null> {
  const { check } = target;
  return converse(target, context, async (connection, attempt) => {
    const pattern = context.pattern(check.expect);
    if (check.security === "tls") await requestTls(connection);
    const wire = new Wire(connection, attempt);
    const client = openClient(check, wire);
    const connecting = client.connect();
    connecting.catch(() => {});
    await checkGreeting(wire, attempt);
    return throughLibrary(wire, async () => {
      try {
        await connecting;
      } catch (error) {
        throw new ProbeFailure(`login refused: ${complaint(error as Error, check.password)}`);
      }
      wire.expect("the answer to the query");
      await ask(client, check, (right) => new RowJudge(pattern, right));
      void client.end();
      return "query answered";
    });
  });
}

async function requestTls(connection: Connection): Promise<void> {
  connection.write(SSL_REQUEST);
  const answer = (await connection.bytes("the answer to the request for TLS", 1)).toString(
    "latin1",
  );
  if (answer === "N") throw new ProbeFailure("server offers no TLS");
  if (answer !== "S") throw new ProbeFailure("does not speak PostgreSQL's protocol");
  await connection.startTls();
}

/** Everything is given here: what is left out pg takes from the environment and from files. */
function openClient(check: PostgresqlCheck, wire: Wire): Client {
  const client = new Client({
    stream: () => wire as unknown as Duplex,
    ssl: false,
    host: "127.0.0.1",
    port: 1,
    user: check.user,
    database: check.database ?? check.user,
    password: () => check.password ?? "",
    application_name: "troop",
    client_encoding: "UTF8",
    options: "",
  });
  // Every error reaches a promise, too.
  client.on("error", () => {});
  return client;
}

async function checkGreeting(wire: Wire, attempt: Attempt): Promise<void> {
  wire.expect("the login");
  const first = await wire.peek(5);
  const isMessage = FIRST_MESSAGES.includes(String.fromCharCode(first[0] ?? 0));
  if (!isMessage || first.readUInt32BE(1) > FIRST_LENGTH_MAX) {
    throw new ProbeFailure("does not speak PostgreSQL's protocol");
  }
  attempt.phase = "while waiting for the login";
}

function ask(
  client: Client,
  check: PostgresqlCheck,
  judgeFor: (right: () => void) => RowJudge,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const judge = judgeFor(resolve);
    const config = { text: check.query, rowMode: "array", types: AS_TEXT };
    const query = client.query(new Query(config));
    query.on("row", (row) => judge.take(row));
    query.on("end", () => reject(judge.failure()));
    query.on("error", (error) => {
      reject(new ProbeFailure(`query failed: ${complaint(error, check.password)}`));
    });
  });
}
