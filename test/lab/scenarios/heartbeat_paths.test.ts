/**
 * Two heartbeat paths: losing one of them is no reason to move anything.
 */
import { expect } from "bun:test";
import { AddressWatch } from "../address_watch.ts";
import { Load, requireFewFailures } from "../load.ts";
import { scenario, startService, streamlined, VIP } from "../scenario.ts";
import { statusOf, vipOf } from "../troop.ts";

const PATH_DOWN_MS = 5_000;

scenario(
  "private heartbeat path cut: nothing moves, every node stays alive, no request fails",
  { slug: "private-cut", hosts: streamlined },
  async (lab) => {
    const { client, nodes, holder, other } = await startService(lab);
    const watch = await AddressWatch.start(VIP, nodes.map((node) => node.host));
    const { epoch } = await vipOf(other, VIP);
    const load = await Load.start(client, { address: VIP });
    await lab.cut(holder.host, { networks: ["private"] });
    await Bun.sleep(PATH_DOWN_MS);
    expect((await statusOf(other, holder.name)).state).toBe("alive");
    expect((await statusOf(holder, other.name)).state).toBe("alive");
    await lab.heal(holder.host, { networks: ["private"] });
    await Bun.sleep(PATH_DOWN_MS / 2);
    expect(await vipOf(other, VIP)).toMatchObject({ holder: holder.name, epoch });
    expect(watch.holders).toEqual([holder.name]);
    await load.stop();
    requireFewFailures(load.lines, 0);
  },
);
