// What is measured of tokenizers: `figure` takes the milliseconds of CPU time that counting the texts took, after
// `prepare` was counted once and the texts `warmUp` times.
import { documents, messages } from "./tokenTexts.mjs"

const bytesOf = (texts) => texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)

export const tokenScenarios = {
  first: {
    title: "CPU from a loaded library to the first count",
    unit: "ms",
    texts: () => ["Hello, world!"],
    warmUp: 0,
    figure: (milliseconds) => milliseconds
  },
  warm: {
    title: "documents of 100 KB, warm",
    unit: "MB/s",
    texts: documents,
    warmUp: 3,
    figure: (milliseconds, texts) => bytesOf(texts) / 1000 / milliseconds
  },
  messages: {
    title: "texts of 200 characters, warm",
    unit: "1,000/s",
    texts: () => messages(5000),
    warmUp: 3,
    figure: (milliseconds, texts) => texts.length / milliseconds
  },
  "letters-10k": {
    title: "one word of 10,000 equal letters",
    unit: "ms",
    texts: () => ["a".repeat(10_000)],
    warmUp: 0,
    prepare: ["Hello, world!"],
    figure: (milliseconds) => milliseconds
  },
  // By the square of the length this takes the others from minutes to hours.
  "letters-1m": {
    title: "one word of 1,000,000 equal letters",
    unit: "ms",
    texts: () => ["a".repeat(1_000_000)],
    warmUp: 0,
    prepare: ["Hello, world!"],
    only: ["effect-llm"],
    figure: (milliseconds) => milliseconds
  }
}
