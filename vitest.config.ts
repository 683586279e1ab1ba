import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const source = (file: string): string => fileURLToPath(new URL(`src/${file}`, import.meta.url))

export default defineConfig({
  resolve: {
    alias: [
      { find: /^effect-llm$/, replacement: source("index.ts") },
      { find: /^effect-llm\/(node|lmdb|local|redis)$/, replacement: source("$1.ts") },
      { find: /^effect-llm\/(policy|provider|wire|testing)$/, replacement: source("$1/index.ts") }
    ]
  },
  test: {
    include: ["test/**/*.test.ts", "examples/**/*.test.ts"],
    // Bounds of what hangs, wide enough for a machine that is busy.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      exclude: ["src/**/index.ts", "src/cli/main.ts"],
      thresholds: { lines: 90 }
    }
  }
})
