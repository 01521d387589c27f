/**
 * The text of `/metrics`: the families of the neighbour file, written by prom-client.
 */
import { Counter, Gauge, Registry } from "prom-client";
import {
  metricFamilies,
  type MetricFamily,
  type MetricSource,
  type Sample,
} from "./metric_families.ts";

/** The exposition format this writes, for the Content-Type header. */
export const METRICS_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/**
 * Samples written at once: 2 to 3 ms of work as measured, so that a scrape of a thousand services (half a second in
 * all) delays no pulse.
 */
const CHUNK_SAMPLES = 500;

/** Writes all metrics. Everything is made anew, so a series ends with the thing it told about. */
export async function metricsText(source: MetricSource): Promise<string> {
  const texts: string[] = [];
  for (const family of metricFamilies) {
    let first = true;
    for (const samples of chunks(family.samples(source))) {
      const text = await chunkText(family, samples);
      texts.push(first ? text : text.replace(/^(?:#.*\n)+/, ""), "\n");
      first = false;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }
  return texts.join("");
}

/** The samples of a family in chunks, one of them at least: its head is told also without any. */
function* chunks(samples: Iterable<Sample>): Generator<readonly Sample[], void, undefined> {
  let chunk: Sample[] = [];
  for (const sample of samples) {
    if (chunk.length === CHUNK_SAMPLES) {
      yield chunk;
      chunk = [];
    }
    chunk.push(sample);
  }
  yield chunk;
}

function chunkText(family: MetricFamily, samples: readonly Sample[]): Promise<string> {
  const { name, help, labels: labelNames } = family;
  // A registry of its own: prom-client's default one is shared by the whole process.
  const registry = new Registry();
  const options = { name, help, labelNames: [...labelNames], registers: [registry] };
  const set = family.type === "gauge" ? gaugeSetter(options) : counterSetter(options);
  for (const [labels, value] of samples) {
    set(Object.fromEntries(labelNames.map((label, index) => [label, labels[index] ?? ""])), value);
  }
  return registry.getSingleMetricAsString(name);
}

type Setter = (labels: Record<string, string>, value: number) => void;

interface MetricOptions {
  readonly name: string;
  readonly help: string;
  readonly labelNames: string[];
  readonly registers: Registry[];
}

function gaugeSetter(options: MetricOptions): Setter {
  const gauge = new Gauge(options);
  return (labels, value) => gauge.set(labels, value);
}

/** The counts are kept elsewhere and only shown here: a fresh counter is raised once, to where the count stands. */
function counterSetter(options: MetricOptions): Setter {
  const counter = new Counter(options);
  return (labels, value) => counter.inc(labels, value);
}
