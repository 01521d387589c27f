/**
 * The LDAP probe: binds, or stays anonymous, and searches; an entry must be found (RFC 4511). It stands on ldapts,
 * over a connection of the probe's own.
 */
import type { connect as connectTcp, Socket } from "node:net";
import type { connect as connectTls } from "node:tls";
import { Client } from "ldapts";
import type { CheckOf } from "../../core/check.ts";
import type { ProbeResult, ProbeTarget } from "../../ports.ts";
import type { Pattern } from "../../core/regex.ts";
import { ProbeFailure, quote } from "./attempt.ts";
import { converse, type TalkContext } from "./connection.ts";
import { guardLdapReader } from "./ldap_guard.ts";
import { complaint, throughLibrary, Wire } from "./wire.ts";

/** Most entries that are looked through for the expected name; a server ends the search there. */
export const ENTRIES_MAX = 1_000;
/** Every message is a SEQUENCE (RFC 4511, 4.2; X.690). */
const SEQUENCE = 0x30;

type LdapCheck = CheckOf<"ldap">;

/** Binds and searches once. Resolves as {@link converse} does. */
export function probeLdap(
  target: ProbeTarget<LdapCheck>,
  context: TalkContext,
): Promise<ProbeResult | null> {
  const { check } = target;
  return converse(target, context, async (connection, attempt) => {
    const pattern = context.pattern(check.expect);
    if (typeof pattern === "string") throw new ProbeFailure(pattern);
    const wire = new Wire(connection, attempt);
    const client = openClient(wire);
    return throughLibrary(wire, () => talk(client, wire, check, pattern));
  });
}

function openClient(wire: Wire): Client {
  guardLdapReader();
  wire.prependListener("data", checkMessage(wire));
  const upgrade = (): Wire => {
    wire.startTls(() => wire.emit("secureConnect"));
    return wire;
  };
  return new Client({
    // Only its form matters: the connection is there, and TLS from the first byte is below it.
    url: "ldap://127.0.0.1",
    createConnection: (() => wire as unknown as Socket) as unknown as typeof connectTcp,
    createSecureConnection: upgrade as unknown as typeof connectTls,
    strictDN: false,
  });
}

/** Looks at the first byte that comes: a library would wait for the end of a message that is none. */
function checkMessage(wire: Wire): (data: Buffer) => void {
  const check = (data: Buffer): void => {
    wire.off("data", check);
    if (data[0] !== SEQUENCE) throw new ProbeFailure("does not speak LDAP");
  };
  return check;
}

async function talk(
  client: Client,
  wire: Wire,
  check: LdapCheck,
  pattern: Pattern | null,
): Promise<string> {
  if (check.security === "starttls") {
    wire.expect("the answer to STARTTLS");
    await refusable("STARTTLS", check, client.startTLS());
  }
  if (check.user !== null) {
    wire.expect("the answer to the bind");
    await refusable("bind", check, client.bind(check.user, check.password ?? ""));
  }
  wire.expect("the result of the search");
  const { searchEntries } = await refusable("search", check, search(client, check));
  judge(searchEntries.map(({ dn }) => dn), pattern);
  void client.unbind();
  return searchEntries.length === 1 ? "1 entry" : `${searchEntries.length} entries`;
}

function search(client: Client, check: LdapCheck): ReturnType<Client["search"]> {
  return client.search(check.base, {
    scope: check.scope,
    filter: check.filter,
    // No attributes (RFC 4511, 4.5.1.8): names are enough.
    attributes: ["1.1"],
    sizeLimit: check.expect === null ? 1 : ENTRIES_MAX,
    timeLimit: Math.ceil(check.timeoutMs / 1_000),
  });
}

function judge(names: readonly string[], pattern: Pattern | null): void {
  if (names.length === 0) throw new ProbeFailure("the search found no entry");
  if (pattern === null || names.some((name) => pattern.found(name))) return;
  const found = names.length === 1
    ? `found ${quote(names[0] ?? "")}, want`
    : `none of ${names.length} entries is`;
  throw new ProbeFailure(`${found} /${quote(pattern.source)}/`);
}

async function refusable<T>(what: string, check: LdapCheck, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw new ProbeFailure(`${what} refused: ${complaint(named(error as Error), check.password)}`);
  }
}

/** Servers seldom say more than the number of a result; its name is in the name of the error. */
function named(error: Error): Error {
  const words = error.message.trim();
  if (!words.startsWith("Code: ")) return error;
  const name = error.name.replace(/Error$/, "").replace(/(?<=[a-z])(?=[A-Z])/g, " ");
  return new Error(`${name.toLowerCase()}. ${words}`);
}
