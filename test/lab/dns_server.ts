/**
 * dnsmasq from Debian as a real server of the lab: DNS over UDP and TCP on every address of its machine,
 * both families, with one record that names the machine. It asks nobody else.
 */
import { SERVER_NAME } from "./dns_message.ts";
import type { Host } from "./host.ts";
import type { LabProcess } from "./process.ts";
import { waitFor } from "./wait.ts";

const START_LIMIT_MS = 10_000;

/** Starts dnsmasq on a machine, port 53 or another, and waits until it listens. */
export async function startDnsServer(host: Host, port = 53): Promise<LabProcess> {
  const server = host.start([
    "dnsmasq",
    ...["--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--log-facility=-"],
    ...["--user=root", "--group=root", "--no-resolv", "--no-hosts", `--port=${port}`],
    `--txt-record=${SERVER_NAME},Test Page of ${host.name}`,
  ], { label: "dnsmasq" });
  await waitFor(async () => (await host.run("ss", "-Hlnu", `sport = :${port}`)) !== "", {
    what: `dnsmasq on ${host.name} listens`,
    limitMs: START_LIMIT_MS,
  });
  return server;
}
