/**
 * The calls an agent makes to the world, one by one, by name (`addresses.put`, `table.apply`, `memory.saveClaims`): a
 * fault can make one fail, or end the agent right after it. A run of the agent that has ended can call nothing.
 */

/** What is asked at every call. */
export interface PortHooks {
  /** Before the call: throws what the call is to fail with. */
  readonly before: ReadonlySet<(call: string) => void>;
  /** After the call. */
  readonly after: ReadonlySet<(call: string) => void>;
}

/** Nothing is asked. */
export const NO_HOOKS: PortHooks = { before: new Set(), after: new Set() };

/** A call by a run of the agent that was killed: it has no effect, and what called it is not there any more. */
export class Killed extends Error {}

/** Whose calls these are. */
export interface Caller {
  /** Whether this run of the agent has not ended. */
  readonly alive: () => boolean;
  readonly hooks: () => PortHooks;
}

/** The port with every function asking the hooks. `name`: what stands before the dot. */
export function hooked<Port extends object>(name: string, port: Port, caller: Caller): Port {
  const entries = Object.entries(port).map(([key, value]) => [
    key,
    typeof value === "function" ? hookedCall(`${name}.${key}`, value.bind(port), caller) : value,
  ]);
  return Object.fromEntries(entries) as Port;
}

type Call = (...given: unknown[]) => unknown;

function hookedCall(name: string, call: Call, { alive, hooks }: Caller): Call {
  return (...given) => {
    if (!alive()) throw new Killed(name);
    const { before, after } = hooks();
    for (const hook of before) hook(name);
    const result = call(...given);
    for (const hook of after) hook(name);
    return result;
  };
}
