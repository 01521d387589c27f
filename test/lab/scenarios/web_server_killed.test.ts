/**
 * A web server crashes while its node is well: it leaves the pool before many requests meet it, and comes
 * back when it answers again.
 */
import type { Lab } from "../lab.ts";
import { Load, requireFewFailures } from "../load.ts";
import { scenario, type Service, startService, streamlined, VIP } from "../scenario.ts";
import { awaitServersUp, type TroopNode } from "../troop.ts";
import { waitFor } from "../wait.ts";
import { startWebServer } from "../web_server.ts";

const FAILED_MAX = 5;
const BEFORE_MS = 2_000;
const AFTER_MS = 4_000;

async function killWebServer(lab: Lab, choose: (service: Service) => TroopNode): Promise<void> {
  const service = await startService(lab);
  const victim = choose(service);
  const load = await Load.start(service.client, { address: VIP });
  await Bun.sleep(BEFORE_MS);
  await service.webServers.get(victim.name)!.end("SIGKILL");
  await Bun.sleep(AFTER_MS);
  await awaitServersUp(service.holder, VIP, { count: 1 });
  await load.stop();
  requireFewFailures(load.lines, FAILED_MAX);

  await startWebServer(lab, victim.host);
  await awaitServersUp(service.holder, VIP, { count: 2 });
  const again = await Load.start(service.client, { address: VIP });
  await waitFor(() => Object.keys(again.summary().answers).includes(victim.name), {
    what: `${victim.name} answers again`,
    limitMs: 10_000,
  });
  await again.stop();
  requireFewFailures(again.lines, 0);
}

scenario(
  "web server killed beside the holder: at most 5 failed requests, back in the pool when it answers",
  { slug: "web-other", hosts: streamlined },
  (lab) => killWebServer(lab, (service) => service.other),
);

scenario(
  "web server killed on the holder itself: at most 5 failed requests, back in the pool when it answers",
  { slug: "web-holder", hosts: streamlined },
  (lab) => killWebServer(lab, (service) => service.holder),
);
