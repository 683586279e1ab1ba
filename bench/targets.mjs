// What effect-llm promises. A figure is undefined when its cells were not part of the run.
import { effectModules, packageAlone } from "./importCost.mjs"

const ratio = (scenario, client, other) => (results) => results.ratio(scenario, client, other)
const median =
  (scenario, client = "effect-llm") =>
  (results) =>
    results.median(scenario, client)
const above = (scenario) => (results) => results.difference(scenario, packageAlone, effectModules)

const targets = [
  { text: "CPU per call, 64 at once, own HttpClient, × raw", most: 3.5, figure: ratio("call-64", "effect-llm", "raw") },
  {
    text: "CPU per call, 64 at once, NodeHttpClient undici, × openai",
    most: 0.55,
    figure: ratio("call-64", "effect-llm-platform", "openai")
  },
  { text: "CPU per chunk, 1 stream, × raw", most: 2, figure: ratio("stream-1", "effect-llm", "raw") },
  { text: "CPU per chunk, 200 streams, × raw", most: 2, figure: ratio("stream-200", "effect-llm", "raw") },
  { text: "CPU per chunk, 1 stream, × openai", below: 1, figure: ratio("stream-1", "effect-llm", "openai") },
  { text: "CPU per chunk, 200 streams, × openai", below: 1, figure: ratio("stream-200", "effect-llm", "openai") },
  ...["anthropic", "gemini"].flatMap((wire) =>
    [
      ["CPU per chunk, 1 stream", "stream-1"],
      ["CPU per chunk, 200 streams", "stream-200"],
      ["first token", "first-token"]
    ].map(([text, scenario]) => ({
      text: `${text}, ${wire}'s wire × openai's`,
      most: 1.5,
      figure: ratio(scenario, `effect-llm-${wire}`, "effect-llm")
    }))
  ),
  { text: "batch, wall time × raw", most: 1.15, figure: ratio("batch", "effect-llm", "raw") },
  { text: "hit in memory, µs", most: 30, figure: median("hit-memory", "effect-llm") },
  { text: "hit in a file (LMDB), µs", most: 150, figure: median("hit-lmdb", "effect-llm") },
  { text: "LlmCall with templates, µs above the bare call", most: 20, figure: median("program", "call-of-text") },
  { text: "LlmCall with output, µs above the bare call", most: 20, figure: median("program", "call-with-output") },
  {
    text: "streamed value, cost per piece of 1 MB × that of 100 KB",
    most: 2,
    figure: median("program", "stream-growth")
  },
  { text: "import, ms above the modules of effect that it needs", most: 60, figure: above("import") },
  { text: "import, MB above the modules of effect that it needs", most: 10, figure: above("import-memory") }
]

/** What its tokenizer promises. */
export const tokenTargets = [
  { text: "documents, warm, MB/s", least: 15, figure: median("warm") },
  { text: "documents, warm, × js-tiktoken", least: 8, figure: ratio("warm", "effect-llm", "js-tiktoken") },
  { text: "1,000,000 equal letters, ms", below: 1000, figure: median("letters-1m") }
]

const verdict = ({ least, most, below }, figure) => {
  if (figure === undefined) return "not measured"
  if (least !== undefined) return figure >= least ? "pass" : "FAIL"
  return (below === undefined ? figure <= most : figure < below) ? "pass" : "FAIL"
}

const limitText = ({ least, most, below }) =>
  least === undefined ? (below === undefined ? `at most ${most}` : `below ${below}`) : `at least ${least}`

export const judge = (results, of = targets) =>
  of.map((target) => {
    const figure = target.figure(results)
    const limit = limitText(target)
    return { text: target.text, limit, figure, verdict: verdict(target, figure) }
  })
