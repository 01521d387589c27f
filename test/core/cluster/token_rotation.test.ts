/** What a node may do while the token changes, and that no order of events parts two nodes. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { initialState, newLife, type State } from "../../../src/core/state.ts";
import { newerRotation, rotationTurn } from "../../../src/core/cluster/token_rotation.ts";
import type { Rotation, TokenFacts } from "../../../src/core/cluster/token_facts.ts";
import { modelNode, viewOf } from "../../support/cluster_views.ts";

const OLD = "0".repeat(15) + "1";
const NEW = "0".repeat(15) + "2";
const OTHER = "0".repeat(15) + "3";
const ROTATION: Rotation = { serial: 1, target: NEW, from: OLD, graceS: 60 };

const before: TokenFacts = { sends: OLD, accepts: [OLD], rotation: null };
const told: TokenFacts = { ...before, rotation: ROTATION };
const accepting: TokenFacts = { ...told, accepts: [OLD, NEW] };
const switched: TokenFacts = { ...accepting, sends: NEW };
const done: TokenFacts = { ...switched, accepts: [NEW] };

/** Node 1's view of peers that tell these facts; undefined: one of an earlier version. */
function view(own: TokenFacts | null, peers: readonly (TokenFacts | undefined)[]): State {
  const models = [modelNode(1), ...peers.map((_, index) => modelNode(index + 2))];
  const state = viewOf(models, 1, { services: [] });
  state.token = own;
  for (const peer of state.peers.values()) {
    const facts = peers[Number(peer.record.name.slice(1)) - 2];
    const { token: _token, ...record } = peer.record;
    peer.record = facts === undefined ? record : { ...record, token: facts };
  }
  return state;
}

function kill(state: State, name: string): State {
  for (const peer of state.peers.values()) {
    if (peer.record.name === name) peer.life.state = "dead";
  }
  return state;
}

describe("rotationTurn", () => {
  const rows: { name: string; state: State; over?: boolean; act: string; waits?: string[] }[] = [
    { name: "without tokens does nothing", state: view(null, [before]), act: "none" },
    { name: "without a rotation does nothing", state: view(before, [before]), act: "none" },
    { name: "takes over a rotation it hears of", state: view(before, [accepting]), act: "adopt" },
    { name: "gets the token it lacks", state: view(told, [accepting]), act: "fetch" },
    {
      name: "waits until every member accepts the new one",
      state: view(accepting, [accepting, told]),
      act: "none",
      waits: ["n3"],
    },
    {
      name: "uses it when every member accepts it",
      state: view(accepting, [accepting, switched]),
      act: "use",
    },
    {
      name: "names a member whose version cannot",
      state: view(accepting, [undefined]),
      act: "none",
      waits: ["n2 (version 0 cannot)"],
    },
    {
      name: "waits for a dead member while the grace time lasts",
      state: kill(view(accepting, [accepting, before]), "n3"),
      act: "none",
      waits: ["n3 (dead)"],
    },
    {
      name: "does not wait for a dead member afterwards",
      state: kill(view(accepting, [accepting, before]), "n3"),
      over: true,
      act: "use",
    },
    {
      name: "waits for a living member for ever",
      state: view(accepting, [accepting, before]),
      over: true,
      act: "none",
      waits: ["n3"],
    },
    {
      name: "refuses the old one only when every member sends with the new one",
      state: view(switched, [switched, accepting]),
      act: "none",
      waits: ["n3"],
    },
    {
      name: "refuses it then",
      state: view(switched, [switched, done]),
      act: "retire",
    },
    { name: "is done", state: view(done, [done]), act: "none" },
  ];
  for (const { name, state, over = false, act, waits } of rows) {
    test(name, () => {
      const turn = rotationTurn(state, over);
      expect(turn.act).toBe(act as typeof turn.act);
      if (waits !== undefined) expect(turn.progress?.waitsFor).toEqual(waits);
    });
  }

  test("of two rotations that met after a partition, the same one wins everywhere", () => {
    const crossed: Rotation = { ...ROTATION, target: OTHER };
    expect(newerRotation(ROTATION, crossed)).toBe(crossed);
    expect(newerRotation(crossed, ROTATION)).toBe(crossed);
    expect(newerRotation({ ...ROTATION, serial: 2 }, crossed)?.serial).toBe(2);
  });
});

/** Nodes that follow the core's decisions, and hear each other's facts late and in any order. */
class Model {
  readonly nodes: { facts: TokenFacts; readonly heard: Map<number, TokenFacts> }[];
  /** Who has which token, for the asking. */
  constructor(count: number) {
    this.nodes = Array.from({ length: count }, () => ({ facts: before, heard: new Map() }));
    for (const node of this.nodes) {
      for (const index of this.nodes.keys()) node.heard.set(index, before);
    }
  }

  order(index: number, target: string, from: string): void {
    const node = this.nodes[index]!;
    const { facts } = node;
    if (!facts.accepts.includes(from)) return;
    const serial = Math.max(
      ...[...node.heard.values(), facts].map((one) => one.rotation?.serial ?? 0),
    );
    const accepts = [...new Set([...facts.accepts, target])];
    node.facts = { ...facts, accepts, rotation: { ...ROTATION, serial: serial + 1, target, from } };
  }

  hear(index: number, other: number): void {
    this.nodes[index]!.heard.set(other, this.nodes[other]!.facts);
  }

  turn(index: number): void {
    const node = this.nodes[index]!;
    const turn = rotationTurn(this.#view(index), false);
    const { facts } = node;
    if (turn.act === "adopt") node.facts = { ...facts, rotation: turn.rotation };
    if (turn.act === "use") node.facts = { ...facts, sends: turn.target };
    if (turn.act === "retire") node.facts = { ...facts, accepts: [turn.target] };
    if (turn.act === "fetch") {
      const holder = turn.holders.some(({ record }) =>
        this.nodes[Number(record.name.slice(1))]!.facts.accepts.includes(turn.target)
      );
      if (holder) node.facts = { ...facts, accepts: [...facts.accepts, turn.target] };
    }
  }

  #view(index: number): State {
    const own = this.nodes[index]!;
    const state = initialState(view(before, []).self, 0);
    state.token = own.facts;
    for (const [other, token] of own.heard) {
      if (other === index) continue;
      const record = { ...SAMPLE, id: String(other), name: `n${other}`, token };
      const life = newLife(0);
      life.state = "alive";
      state.peers.set(String(other), { record, life, reached: new Map(), toldMs: 0 });
    }
    return state;
  }

  /** Pairs of which one does not accept what the other sends. */
  parted(): string[] {
    return this.nodes.flatMap((a, from) =>
      this.nodes.flatMap((b, to) =>
        b.facts.accepts.includes(a.facts.sends) ? [] : [`${from} to ${to}`]
      )
    );
  }
}

const SAMPLE = [...view(before, [before]).peers.values()][0]!.record;

describe("a rotation", () => {
  const nodes = 3;
  const index = fc.nat(nodes - 1);
  const step = fc.oneof(
    { weight: 20, arbitrary: fc.tuple(fc.constant("hear" as const), index, index) },
    { weight: 12, arbitrary: fc.tuple(fc.constant("turn" as const), index, index) },
    // Everybody hears everybody: so that late stages are reached too.
    { weight: 2, arbitrary: fc.tuple(fc.constant("calm" as const), index, index) },
    { weight: 1, arbitrary: fc.tuple(fc.constant("abort" as const), index, index) },
  );

  function run(model: Model, [kind, a, b]: readonly [string, number, number]): void {
    if (kind === "hear") model.hear(a, b);
    if (kind === "turn") model.turn(a);
    if (kind === "calm") {
      for (const one of model.nodes.keys()) {
        for (const other of model.nodes.keys()) model.hear(one, other);
      }
    }
    const { rotation } = model.nodes[a]!.facts;
    if (kind === "abort" && rotation !== null) model.order(a, rotation.from, rotation.target);
  }

  test("never parts two nodes, whatever is heard when, aborted or not; and it ends", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 40, maxLength: 80 }), (steps) => {
        const model = new Model(nodes);
        model.order(0, NEW, OLD);
        for (const one of steps) {
          run(model, one);
          expect(model.parted()).toEqual([]);
        }
        for (let round = 0; round < 12; round++) {
          for (const a of model.nodes.keys()) {
            run(model, ["calm", 0, 0]);
            model.turn(a);
          }
          expect(model.parted()).toEqual([]);
        }
        const ends = new Set(model.nodes.map(({ facts }) => facts.accepts.join()));
        expect(ends.size).toBe(1);
        expect([NEW, OLD]).toContain([...ends][0]!);
      }),
      { numRuns: 600 },
    );
  }, 20_000);
});
