import { expect, test } from "bun:test";
import { hookSchema } from "../../../src/core/hook.ts";
import { diagnose } from "../../../src/shell/doctor/doctor.ts";
import { config, home, machine } from "./doctor_machine.ts";

const hooks = ["mail", "chat"].map((name) => hookSchema.parse({ name, command: [`/x/${name}`] }));

async function found(problem: (name: string) => string | null, list = hooks) {
  const findings = await diagnose(
    home,
    machine({
      tools: {
        readConfig: () => ({ config: { ...config, hooks: list }, warnings: [] }),
        hookProblem: ({ name }) => problem(name),
      },
    }),
  );
  return findings.filter(({ what }) => what === "hooks").map(({ state, detail }) =>
    `${state}: ${detail}`
  );
}

test("the doctor names each hook that cannot work", async () => {
  expect(await found((name) => name === "chat" ? "/x/chat is missing" : null))
    .toEqual(["missing: chat: /x/chat is missing"]);
  expect(await found(() => null)).toEqual(["ok: mail, chat"]);
  expect(await found(() => null, [])).toEqual([]);
});
