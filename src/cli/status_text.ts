/**
 * The status document as a person reads it: nodes, VIPs, services with their servers, and what is wrong.
 */
import { formatEndpoint } from "../core/address.ts";
import { formatDuration } from "../core/duration.ts";
import { formatServiceName } from "../core/service.ts";
import type { Status, StatusNode, StatusServer, StatusService } from "../core/status.ts";
import {
  type Cell,
  printable,
  type Row,
  tableText,
  type TextStyle,
  type Tone,
  toned,
} from "./table_text.ts";

/** Writes the whole status. */
export function statusText(status: Status, style: TextStyle): string {
  const head = `cluster ${status.cluster}, as ${status.node} sees it at ${
    status.time.replace("T", " ").replace(/\.\d+Z$/, " UTC")
  }\n`;
  const hints = statusHints(status);
  return [
    printable(head.trimEnd()) + "\n",
    nodesText(status, style),
    status.vips.length > 0 ? vipsText(status, style) : "",
    servicesText(status.services, style),
    hints.map((hint) => `${toned("!", "bad", style)} ${printable(hint)}\n`).join(""),
  ].filter((part) => part !== "").join("\n");
}

function nodesText({ nodes }: Status, style: TextStyle): string {
  return tableText({
    heading: ["NODE", "ADDRESS", "STATE", "ROLES", "HEARD", "WHY"],
    rows: nodes.map((node) => [
      node.name,
      node.address,
      nodeState(node),
      rolesText(node),
      node.lastHeardMs === null ? "-" : formatDuration(node.lastHeardMs),
      node.unfit === null ? node.reason : `cannot hold a VIP: ${node.unfit}`,
    ]),
    rightAligned: [4],
  }, style);
}

function nodeState(node: StatusNode): Cell {
  if (node.leaving) return { text: "leaving", tone: "warning" };
  const tones: Record<StatusNode["state"], Tone> = {
    alive: "good",
    suspect: "warning",
    dead: "bad",
    left: "faint",
  };
  // In capitals, so that it is seen without colour.
  return { text: node.state === "dead" ? "DEAD" : node.state, tone: tones[node.state] };
}

function rolesText({ director, realServer }: StatusNode): string {
  if (director && realServer) return "director+server";
  return director ? "director" : realServer ? "server" : "none";
}

function vipsText({ vips }: Status, style: TextStyle): string {
  return tableText({
    heading: ["VIP", "HOLDER", "INTERFACE", "EPOCH", "WHY"],
    rows: vips.map((vip) => [
      vip.address,
      vip.holder === null ? { text: "NOBODY", tone: "bad" } : { text: vip.holder, tone: "good" },
      vip.interface,
      String(vip.epoch),
      vip.reason,
    ]),
    rightAligned: [3],
  }, style);
}

/** Writes services with their servers; a line that says how to add one when there is none. */
export function servicesText(services: readonly StatusService[], style: TextStyle): string {
  if (services.length === 0) {
    return "no services yet; add one with `troop service add VIP:PORT`\n";
  }
  return tableText({
    heading: ["SERVICE / SERVER", "NODE", "STATE", "WEIGHT", "ACTIVE", "INACT", "WHY"],
    rows: services.flatMap((service) => [
      serviceRow(service),
      ...service.servers.map(serverRow),
    ]),
    rightAligned: [3, 4, 5],
  }, style);
}

function serviceRow(service: StatusService): Row {
  const total = service.servers.length;
  const up = service.servers.filter((server) => server.up).length;
  const { scheduler, forwarding, check } = service;
  return {
    line: [
      { text: formatServiceName(service), tone: "heading" },
      up > 0 ? { text: `${up} of ${total} up`, tone: "good" } : { text: "DOWN", tone: "bad" },
      `${scheduler} ${forwarding}`,
      `check ${check}`,
    ],
  };
}

function serverRow(server: StatusServer): Cell[] {
  return [
    `  ${formatEndpoint(server)}`,
    server.node,
    server.up ? { text: "up", tone: "good" } : { text: "DOWN", tone: "bad" },
    String(server.weight),
    String(server.activeConnections),
    String(server.inactiveConnections),
    server.reason,
  ];
}

/** What a person should look at, worst first; empty when all is well. */
export function statusHints(status: Status): string[] {
  return [
    ...status.vips.filter((vip) => vip.holder === null)
      .map((vip) => `nobody holds VIP ${vip.address}: ${vip.reason || "no node is fit"}`),
    ...status.services.flatMap((service) => serviceHints(service)),
    ...status.nodes.filter((node) => node.state === "dead" || node.state === "suspect")
      .map((node) => `node ${node.name} is ${node.state}: ${node.reason}`),
    ...status.nodes.filter((node) => node.state === "alive" && node.director && node.unfit !== null)
      .map((node) =>
        `node ${node.name} cannot hold a VIP: ${node.unfit}; run \`troop doctor\` there`
      ),
  ];
}

function serviceHints(service: StatusService): string[] {
  const name = formatServiceName(service);
  if (service.servers.length === 0) {
    return [`service ${name} has no servers: no node of the cluster is a real server`];
  }
  const down = service.servers.filter((server) => !server.up);
  if (down.length < service.servers.length) return [];
  const [first] = down;
  return [`service ${name} has no server up; ${first?.node}: ${first?.reason}`];
}
