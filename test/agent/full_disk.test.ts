/** A disk that refuses keeps nobody from balancing. */
import { expect, test } from "bun:test";
import { holding } from "../support/cluster_views.ts";
import { TableBench } from "../support/table_bench.ts";

test("the table follows the cluster while the disk refuses to remember rows, which is told once", async () => {
  const bench = new TableBench({ holds: holding(1) });
  const { add, delete: remove } = bench.owned;
  // As the real one: what is not on disk is known all the same.
  const refusing = (act: typeof add): typeof add => async (keys) => {
    await act(keys);
    throw new Error("ENOSPC: no space left on device");
  };
  bench.owned.add = refusing(add);
  bench.owned.delete = refusing(remove);
  await bench.turn();
  expect(bench.weights()).toEqual({ "10.0.0.1": 1, "10.0.0.2": 1 });
  bench.serverOfPeer(false);
  await bench.turns(2_500);
  expect(bench.weights()).toEqual({ "10.0.0.1": 1, "10.0.0.2": 0 });
  expect(bench.log.lines()).toEqual(["error: ENOSPC: no space left on device"]);
  bench.owned.add = add;
  bench.owned.delete = remove;
  await bench.turns(1_500);
  expect(bench.log.lines()).toEqual(["info: remember rows: works again"]);
});
