/**
 * FTP, DNS over UDP and SCTP through NAT between two networks, and what is open when VIP and gateway move.
 * PASV over a takeover is left out: see `kernel_services.test.ts`.
 */
import { expect } from "bun:test";
import { inBrackets } from "../client_common.ts";
import { addServers, awaitServers, startDirectors } from "../directors.ts";
import { startDnsServer } from "../dns_server.ts";
import { BIG_BYTES, type FtpMode, ftpModes, ftpServerName } from "../ftp.ts";
import { startDownload, startFtpServer } from "../ftp.ts";
import type { Family, Host } from "../host.ts";
import type { Lab } from "../lab.ts";
import { Load } from "../load.ts";
import { scenario } from "../scenario.ts";
import { SctpConnection, startSctpServer } from "../sctp.ts";
import { gatewayOf, twoTier, vipOf } from "../topologies.ts";
import { awaitOneHolder, type TroopNode } from "../troop.ts";

const families: readonly Family[] = ["ipv4", "ipv6"];
const SCTP_PORT = 9000;
const DNS_MS = 2_000;
const SYNC_MS = 5_000;
const AFTER_MS = 10_000;
const modesOverTakeover: readonly FtpMode[] = ["epsv", "eprt", "port"];

for (const family of families) {
  scenario(
    `FTP, DNS and SCTP through NAT, ${family}: downloads and SCTP survive the holder`,
    { slug: `protocols-${family}`, hosts: twoTier },
    (lab) => play(lab, family),
  );
}

async function play(lab: Lab, family: Family): Promise<void> {
  const client = lab.host("client");
  const servers = [lab.host("s1"), lab.host("s2")];
  await client.script("modprobe sctp");
  await Promise.all(servers.map((server) => startServers(lab, server, family)));
  const nodes = await startDirectors(lab);
  await addServices(nodes[0], family, servers);
  const { holder, others } = await awaitOneHolder(vipOf(family), nodes);
  await useEach(client, family);

  const sizes: number[] = [];
  const downloads = modesOverTakeover.map((mode) =>
    startDownload(client, { address: vipOf(family), mode, onSize: (size) => sizes.push(size) })
  );
  const sctp = [
    await SctpConnection.start(client, vipOf(family), SCTP_PORT),
    await SctpConnection.start(client, vipOf(family), SCTP_PORT),
  ];
  await Bun.sleep(SYNC_MS);
  await lab.cut(holder.host);
  await awaitOneHolder(vipOf(family), others);
  await Bun.sleep(AFTER_MS);
  expect(sctp.map(({ alive }) => alive)).toEqual([true, true]);
  for (const download of downloads) expect(await download.exited()).toBe(0);
  expect(sizes.filter((size) => size === BIG_BYTES)).toHaveLength(downloads.length);
  expect(sizes).toHaveLength(2 * downloads.length);
  await useEach(client, family);
}

async function startServers(lab: Lab, server: Host, family: Family): Promise<void> {
  await Promise.all([
    startFtpServer(lab, server),
    startDnsServer(server),
    startSctpServer(server, server.addressOn("private", family), SCTP_PORT),
  ]);
}

async function addServices(
  node: TroopNode,
  family: Family,
  servers: readonly Host[],
): Promise<void> {
  const vip = vipOf(family);
  for (const address of [vip, gatewayOf(family)]) {
    await node.troop("vip", "add", address, "--group", "web");
  }
  for (const port of ["21", "53/udp", `${SCTP_PORT}/sctp`]) {
    const service = `${inBrackets(vip)}:${port}`;
    const words = ["--scheduler", "rr", "--no-members", "--forward", "nat"];
    await node.troop("service", "add", service, ...words);
    await addServers(node, service, servers, { network: "private" });
    await awaitServers(node, service, servers.length);
  }
}

/** Every way of FTP gets its file, and no query is lost. */
async function useEach(client: Host, family: Family): Promise<void> {
  const address = vipOf(family);
  for (const mode of Object.keys(ftpModes) as FtpMode[]) {
    expect(["s1", "s2"]).toContain(await ftpServerName(client, address, mode));
  }
  const load = await Load.start(client, { address, protocol: "dns" });
  await Bun.sleep(DNS_MS);
  const seen = await load.stop();
  expect([seen.failed, Object.keys(seen.answers)]).toEqual([0, ["s1", "s2"]]);
}
