/**
 * Services and real servers as a person reads them. Thresholds and methods of single servers have columns only where
 * there are some.
 */
import { formatEndpoint } from "../core/address.ts";
import { formatSchedulerFlag, type Persistence } from "../core/service/scheduling.ts";
import type { StatusServer, StatusService } from "../core/status/status.ts";
import { agoText, sinceOf, verdictRows, whyText } from "./verdict_text.ts";
import { type Cell, type Row, tableText, type TextStyle } from "./table_text.ts";

/** A server with the service it is a server of. */
interface Line {
  readonly service: StatusService;
  readonly server: StatusServer;
}

interface Column {
  readonly heading: string;
  readonly cell: (line: Line) => Cell;
  readonly right?: boolean;
}

/** Writes services with their servers; a line that says how to add one when there is none. */
export function servicesText(
  services: readonly StatusService[],
  style: TextStyle,
  atMs: number,
): string {
  if (services.length === 0) {
    return "no services yet; add one with `troop service add VIP:PORT`\n";
  }
  const columns: Column[] = [
    { heading: "SERVICE / SERVER", cell: ({ server }) => `  ${formatEndpoint(server)}` },
    ...serverColumns(services, { atMs }),
  ];
  return columnsText(
    columns,
    services.flatMap((service) => [
      serviceRow(service),
      ...service.servers.flatMap((server) => [
        columns.map(({ cell }) => cell({ service, server })),
        ...verdictRows(server, atMs),
      ]),
    ]),
    style,
  );
}

/** Writes servers, each on a line with its service; a line that says how to get one when there is none. */
export function serversText(
  services: readonly StatusService[],
  style: TextStyle,
  atMs: number,
): string {
  const lines = services.flatMap((service) =>
    service.servers.map((server): Line => ({ service, server }))
  );
  if (lines.length === 0) {
    return "no servers; every member that is a real server serves every service, others are entered\n" +
      "with `troop server add SERVICE ADDRESS`\n";
  }
  const columns: Column[] = [
    { heading: "SERVICE", cell: ({ service }) => service.name },
    { heading: "SERVER", cell: ({ server }) => formatEndpoint(server) },
    ...serverColumns(services, { atMs, forwardAlways: true }),
  ];
  return columnsText(
    columns,
    lines.map((line) => columns.map(({ cell }) => cell(line))),
    style,
  );
}

function columnsText(
  columns: readonly Column[],
  rows: readonly Row[],
  style: TextStyle,
): string {
  return tableText({
    heading: columns.map(({ heading }) => heading),
    rows,
    rightAligned: columns.flatMap(({ right }, index) => (right ? [index] : [])),
  }, style);
}

function serverColumns(
  services: readonly StatusService[],
  { atMs, forwardAlways = false }: { readonly atMs: number; readonly forwardAlways?: boolean },
): Column[] {
  const any = (test: (line: Line) => boolean) =>
    services.some((service) => service.servers.some((server) => test({ service, server })));
  const column = (heading: string, cell: Column["cell"], right = false): Column => (
    { heading, cell, right }
  );
  const limit = (key: "upper" | "lower") =>
    any(({ server }) => server[key] > 0)
      ? [column(
        key.toUpperCase(),
        ({ server }) => server[key] > 0 ? String(server[key]) : "-",
        true,
      )]
      : [];
  return [
    column("NODE", ({ server }) => server.node || "-"),
    ...(forwardAlways || any(({ service, server }) => methodOf(server) !== methodOf(service))
      ? [column("FORWARD", ({ server }) => methodOf(server))]
      : []),
    column("STATE", ({ server }) => stateCell(server)),
    ...(any(({ server }) => sinceOf(server) !== null)
      ? [column("SINCE", ({ server }) => agoText(sinceOf(server), atMs), true)]
      : []),
    column("WEIGHT", ({ server }) => String(server.weight), true),
    ...limit("upper"),
    ...limit("lower"),
    column("ACTIVE", ({ server }) => String(server.activeConnections), true),
    column("INACT", ({ server }) => String(server.inactiveConnections), true),
    column("WHY", ({ server }) => whyText(server)),
  ];
}

function stateCell({ up, draining, drained, fallback }: StatusServer): Cell {
  if (draining) return { text: "draining", tone: "warning" };
  if (fallback) return { text: "fallback", tone: "warning" };
  if (drained !== null) return { text: up ? "drained" : "drained, DOWN", tone: "warning" };
  return up ? { text: "up", tone: "good" } : { text: "DOWN", tone: "bad" };
}

/** How many servers are up, or who serves instead. */
function poolCell({ pool, servers }: StatusService): Cell {
  const candidates = servers.filter(({ draining, fallback }) => !draining && !fallback);
  const up = candidates.filter((server) => server.up).length;
  if (pool.mode === "fallback") return { text: "FALLBACK", tone: "warning" };
  if (pool.mode === "kept") return { text: "DOWN, last pool goes on", tone: "bad" };
  return up > 0
    ? { text: `${up} of ${candidates.length} up`, tone: "good" }
    : { text: "DOWN", tone: "bad" };
}

function serviceRow(service: StatusService): Row {
  return {
    line: [
      { text: service.name, tone: "heading" },
      poolCell(service),
      [
        service.scheduler,
        ...service.flags.map((flag) => formatSchedulerFlag(service.scheduler, flag)),
        methodOf(service),
      ].join(" "),
      ...(service.onePacket ? ["one-packet"] : []),
      ...(service.persistence === null ? [] : [persistenceText(service)]),
      ...(service.mark === null ? [] : [markText(service)]),
      ...(service.members ? [] : ["no members"]),
      `check ${service.check}`,
      ...(service.fallback === "none" ? [] : [`fallback ${service.fallback}`]),
    ],
  };
}

/** `dr`, `nat` or `tunnel gue:6080`. */
function methodOf({ forwarding, tunnel }: Pick<StatusServer, "forwarding" | "tunnel">): string {
  return tunnel === null ? forwarding : `${forwarding} ${tunnel}`;
}

function persistenceText({ persistence }: StatusService): string {
  const { timeoutS, prefixLength, engine } = persistence as Persistence;
  return [
    "persistent",
    ...(engine === null ? [] : [engine]),
    `${timeoutS}s`,
    ...(prefixLength === null ? [] : [`/${prefixLength}`]),
  ].join(" ");
}

/** Where the packets of a mark service arrive, which its name does not say. */
function markText({ vips, ports }: StatusService): string {
  return ports.length === 0 ? `on ${vips.join(",")}` : `${ports.join(",")} on ${vips.join(",")}`;
}
