/** `troop connections`: the kernel's connection table on this node. */
import type { Command } from "commander";
import { formatEndpoint, type Ip, parseEndpoint, parseIp } from "../core/address.ts";
import {
  type Connection,
  type ConnectionListing,
  type ConnectionQuery,
  CONNECTIONS_LISTED_MAX,
} from "../core/table/connection.ts";
import { addExamples, type Session, usage, writeJson } from "./session.ts";
import { styleFor, tableText, type TextStyle } from "./table_text.ts";
import { readNumber, readServiceName, SERVICE_HELP } from "./words.ts";

/** Shown where nobody says how many: enough to see what is going on. */
const LIMIT_DEFAULT = 100;

interface ConnectionsOptions {
  readonly service?: string;
  readonly server?: string;
  readonly limit?: string;
  readonly json?: boolean;
}

/** Adds the verb. */
export function addConnections(program: Command, session: Session): void {
  const command = program.command("connections")
    .summary("list the connections this node's kernel knows")
    .description(
      "List the connections this node's kernel knows: those it balances, and on a\n" +
        "standby those it was told of. Client port 0 is a persistence template.",
    )
    .option("--service <service>", SERVICE_HELP)
    .option("--server <server>", "real server: ADDRESS or ADDRESS:PORT")
    .option(
      "--limit <n>",
      `list at most so many, up to ${CONNECTIONS_LISTED_MAX} (default: ${LIMIT_DEFAULT})`,
    )
    .option("--json", "for programs: { connections, matched, total }");
  addExamples(command, [
    "troop connections",
    "troop connections --service 192.0.2.100:80 --limit 1000",
    "troop connections --server 192.0.2.21 --json",
  ]);
  command.action(async (options: ConnectionsOptions) => {
    const { context } = session;
    const { stdout, env } = context;
    const filter = readFilter(options);
    const listing = await context.connect(session.home()).connections(filter);
    if (options.json) writeJson(stdout, listing);
    else stdout.write(connectionsText(listing, styleFor(stdout, env)));
  });
}

function readFilter({ service, server, limit }: ConnectionsOptions): ConnectionQuery {
  const attempted = "list connections";
  return {
    ...(service === undefined ? {} : { service: readServiceName(service, "list connections of") }),
    ...(server === undefined ? {} : readServer(attempted, server)),
    limit: limit === undefined ? LIMIT_DEFAULT : readNumber(attempted, {
      option: "--limit",
      text: limit,
      min: 0,
      max: CONNECTIONS_LISTED_MAX,
    }),
  };
}

function readServer(
  attempted: string,
  text: string,
): { readonly server: Ip; readonly serverPort?: number } {
  const server = parseIp(text);
  if (server !== undefined) return { server };
  const endpoint = parseEndpoint(text);
  if (endpoint !== undefined) return { server: endpoint.address, serverPort: endpoint.port };
  throw usage(
    attempted,
    `--server "${text}" is neither ADDRESS nor ADDRESS:PORT`,
    "write for example 192.0.2.21, 192.0.2.21:80 or [2001:db8::21]:80",
  );
}

/** Writes the connections, and below them how many there are. */
export function connectionsText(
  { connections, matched, total }: ConnectionListing,
  style: TextStyle,
): string {
  const count = `${connections.length} of ${matched} connections${
    matched === total ? "" : ` that match, of ${total} in all`
  }\n`;
  if (connections.length === 0) return count;
  const engines = connections.some(({ engine }) => engine !== "");
  const table = tableText({
    heading: [
      "PROTO",
      "EXPIRES",
      "STATE",
      "CLIENT",
      "VIRTUAL",
      "SERVER",
      ...(engines ? ["ENGINE"] : []),
    ],
    rows: connections.map((item) => connectionRow(item, engines)),
    rightAligned: [1],
  }, style);
  return `${table}\n${count}`;
}

function connectionRow(item: Connection, engines: boolean): string[] {
  return [
    item.protocol,
    clock(item.expiresS),
    item.state,
    formatEndpoint({ address: item.client, port: item.clientPort }),
    formatEndpoint({ address: item.virtual, port: item.virtualPort }),
    formatEndpoint({ address: item.server, port: item.serverPort }),
    ...(engines ? [[item.engine, item.engineData].filter((text) => text !== "").join(" ")] : []),
  ];
}

/** Minutes and seconds, as `ipvsadm -Lc` has them. */
function clock(seconds: number): string {
  const pad = (value: number) => String(value).padStart(2, "0");
  return `${pad(Math.floor(seconds / 60))}:${pad(Math.floor(seconds) % 60)}`;
}
