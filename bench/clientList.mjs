// The rows of the table: one file in clients/ each.
// `packages`: whose versions the report names; `from`: whose node_modules must be there, "bench" or "root";
// `scenarios`: only these; default: all;
// `rounds`: fewer rounds where one takes this client so long that the whole run would be too long.
/** What a wire decides; the rest is the same for all of them. */
const wireScenarios = ["call-64", "stream-1", "stream-200", "first-token"]

export const clientList = {
  raw: { title: "raw: undici Pool.request + JSON.parse", packages: ["undici"], from: "root" },
  fetch: { title: "global fetch + JSON.parse", packages: [], from: "root" },
  "effect-llm": {
    title: "effect-llm over its own HttpClient",
    packages: ["effect", "@effect/platform", "undici"],
    from: "root",
    built: true
  },
  "effect-llm-platform": {
    title: "effect-llm over NodeHttpClient undici",
    packages: ["effect", "@effect/platform", "@effect/platform-node", "undici"],
    from: "root",
    built: true
  },
  "effect-llm-anthropic": {
    title: "effect-llm, Anthropic's protocol",
    packages: ["effect", "@effect/platform", "undici"],
    from: "root",
    built: true,
    scenarios: wireScenarios
  },
  "effect-llm-gemini": {
    title: "effect-llm, Gemini's protocol",
    packages: ["effect", "@effect/platform", "undici"],
    from: "root",
    built: true,
    scenarios: wireScenarios
  },
  openai: { title: "openai", packages: ["openai"], from: "bench" },
  ai: { title: "ai with @ai-sdk/openai", packages: ["ai", "@ai-sdk/openai"], from: "bench" },
  langchain: {
    title: "@langchain/openai",
    packages: ["@langchain/openai", "@langchain/core"],
    from: "bench"
  },
  "effect-ai": {
    title: "@effect/ai-openai over NodeHttpClient undici",
    packages: ["@effect/ai", "@effect/ai-openai"],
    from: "bench",
    rounds: { "call-1": 3, "call-64": 3, "call-512": 3, "stream-1": 1, "stream-200": 1 }
  }
}
