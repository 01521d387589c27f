/**
 * Networks that lose, delay and reorder datagrams: nobody is taken for dead, nothing moves.
 */
import { expect } from "bun:test";
import { AddressWatch } from "../address_watch.ts";
import { scenario, startService, VIP } from "../scenario.ts";
import { vipOf } from "../troop.ts";

/** One network only: a second path would hide the loss of the first. */
const hosts = [
  { name: "client", number: 2 },
  ...[4, 5].map((number) => ({ name: `n${number - 3}`, number })),
];
/** How long it lasts, ms. */
const BAD_MS = 60_000;

for (
  const [slug, netem] of [
    ["loss-1", "loss 1%"],
    ["loss-5", "loss 5%"],
    ["loss-10", "loss 10%"],
    ["loss-jitter", "delay 40ms 30ms loss 2%"],
  ] as const
) {
  scenario(
    `both nodes receive with ${netem} for a minute: not one takeover at the defaults`,
    { slug, hosts },
    async (lab) => {
      const { nodes, holder, other } = await startService(lab);
      const watch = await AddressWatch.start(VIP, nodes.map(({ host }) => host));
      const { epoch } = await vipOf(other, VIP);
      for (const { host } of nodes) await lab.worsen(host, netem);
      await Bun.sleep(BAD_MS);
      for (const { host } of nodes) await lab.worsen(host, null);
      await Bun.sleep(2_000);
      expect(await vipOf(other, VIP)).toMatchObject({ holder: holder.name, epoch });
      expect(watch.changes.filter(({ at, host }) => at > 0 && host !== holder.name)).toEqual([]);
      expect(watch.holders).toEqual([holder.name]);
    },
  );
}
