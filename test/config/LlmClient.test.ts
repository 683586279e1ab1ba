import { HttpClient, HttpClientResponse } from "@effect/platform"
import { afterEach, describe, expect, expectTypeOf, it, vi } from "@effect/vitest"
import { Clock, ConfigError, Effect, Either, Fiber, Layer, Option, Redacted, TestClock } from "effect"
import { ConfigFile, LlmClient, type Policy, Providers } from "effect-llm"
import { MockLlm } from "effect-llm/testing"
import { inVirtualTime } from "../policy/Watched.js"
import * as HttpStub from "../provider/HttpStub.js"
import { configured, keys, logged, refusalOf, sentBy, type Variables, wordsOf } from "./Configured.js"

const section = (...lines: ReadonlyArray<string>) => ["[OpenAI]", ...lines].join("\n")

/** What goes out for one chat. */
const sentWith = (variables: Variables, file?: string, options?: LlmClient.ConfigOptions) =>
  sentBy(LlmClient.layerFromConfig({ ...options }).pipe(Layer.provide(configured({ ...keys, ...variables }, file))))

const bodyWith = (file: string, variables: Variables = {}, options?: LlmClient.ConfigOptions) =>
  Effect.map(sentWith({ OPENAI_MODEL: "gpt-4.1-mini", ...variables }, file, options), ([first]) =>
    JSON.parse(first?.text ?? "{}")
  )

const refusedWith = (file: string, variables: Variables = {}, format?: ConfigFile.Format) =>
  refusalOf(LlmClient.layerFromConfig().pipe(Layer.provide(configured({ ...keys, ...variables }, file, format))))

describe("LlmClient.layerFromConfig", () => {
  it.effect("is OpenAI where nothing is chosen", () =>
    Effect.gen(function* () {
      const [sent] = yield* sentWith({ OPENAI_MODEL: "gpt-4.1-mini" })
      expect(sent?.url).toBe("https://api.openai.com/v1/chat/completions")
      expect(sent?.headers["authorization"]).toBe(`Bearer ${keys["OPENAI_API_KEY"]}`)
      expect(JSON.parse(sent?.text ?? "")).toEqual({
        model: "gpt-4.1-mini",
        messages: [{ role: "user", content: "Hi" }]
      })
    })
  )

  it.effect.each<readonly [string, string, string]>([
    ["openai", "OPENAI_MODEL", "https://api.openai.com/v1/chat/completions"],
    ["azure-openai", "AZURE_DEPLOYMENT_NAME", "https://acme.openai.azure.com/openai/v1/chat/completions"],
    ["azure", "AZURE_DEPLOYMENT_NAME", "https://acme.openai.azure.com/openai/v1/chat/completions"],
    ["Azure_OpenAI", "AZURE_DEPLOYMENT_NAME", "https://acme.openai.azure.com/openai/v1/chat/completions"],
    ["azure-meta-llama", "LLAMA_MODEL", "https://acme.inference.ml.azure.com/score"],
    ["anthropic", "ANTHROPIC_MODEL", "https://api.anthropic.com/v1/messages"],
    ["gemini", "GEMINI_MODEL", "https://generativelanguage.googleapis.com/v1beta/models/some-model:generateContent"],
    ["zhipu", "ZHIPU_MODEL", "https://open.bigmodel.cn/api/paas/v4/chat/completions"],
    ["hugging-face", "HF_MODEL", "https://router.huggingface.co/v1/chat/completions"],
    ["huggingface", "HF_MODEL", "https://router.huggingface.co/v1/chat/completions"],
    ["groq", "GROQ_MODEL", "https://api.groq.com/openai/v1/chat/completions"],
    ["ollama", "OLLAMA_MODEL", "http://127.0.0.1:11434/v1/chat/completions"],
    ["openai-compatible", "OPENAI_COMPATIBLE_MODEL", "http://127.0.0.1:9999/v1/chat/completions"]
  ])("LLM_PROVIDER=%s reads %s and calls %s", ([LLM_PROVIDER, variable, url]) =>
    Effect.gen(function* () {
      const [sent] = yield* sentWith({ LLM_PROVIDER, [variable]: "some-model" })
      expect(sent?.url).toBe(url)
      const refusal = yield* refusedWith("", { LLM_PROVIDER })
      expect(ConfigError.isMissingDataOnly(refusal)).toBe(true)
      expect(String(refusal)).toContain(variable)
    })
  )

  it.effect.each([
    ["LLM_PROVIDER", "", { LLM_PROVIDER: "opneai" }],
    ["LLM_PROVIDER", "", { LLM_PROVIDER: "" }],
    ["LLM_PROVIDER", "", { LLM_PROVIDER: "constructor" }],
    ["OpenAI.API_TYPE", section("API_TYPE=opneai"), {}],
    ["OpenAI.api_type", section("api_type=opneai"), { LLM_PROVIDER: "groq" }]
  ] as const)("an unknown provider is an error at %s that lists all", ([at, file, variables]) =>
    Effect.gen(function* () {
      const error = yield* refusedWith(file, variables)
      expect(error).toMatchObject({ _op: "InvalidData", path: at.split(".") })
      for (const name of Object.keys(Providers.all)) expect(String(error)).toContain(name)
      expect(String(error)).not.toContain("opneai")
    })
  )

  it.effect("takes providers of one's own", () =>
    Effect.gen(function* () {
      const mine = (name: string) => ({
        layerConfig: ({ defaults, embeddingModel, model }: Providers.Options) =>
          MockLlm.layer([name, model, embeddingModel, defaults?.temperature].join())
      })
      const layer = LlmClient.layerFromConfig({ providers: { Mine: mine("mine"), openai: mine("my OpenAI") } })
      const answer = (variables: Variables, ...lines: ReadonlyArray<string>) =>
        Effect.provide(
          LlmClient.complete("Hi"),
          Layer.provide(layer, configured({ ...keys, ...variables }, section("TEMPERATURE=0.5", ...lines)))
        )
      const nothing = HttpStub.make(() => HttpStub.json({})).http
      const texts = yield* Effect.all([
        answer({ LLM_PROVIDER: "Mine" }, "MODEL=of-openai"),
        answer({}),
        answer({}, "API_TYPE=Mine", "MODEL=m", "EMBEDDING_MODEL=e")
      ]).pipe(Effect.provideService(HttpClient.HttpClient, nothing))
      expect(texts.map(({ text }) => text)).toEqual(["mine,,,0.5", "my OpenAI,,,0.5", "mine,m,e,0.5"])
    })
  )

  it("fails and needs as its providers do", () => {
    const local = { layerConfig: () => Layer.fail(new Error("no file")) }
    expectTypeOf(LlmClient.layerFromConfig()).toEqualTypeOf<
      Layer.Layer<LlmClient.LlmClient, ConfigError.ConfigError, HttpClient.HttpClient>
    >()
    expectTypeOf(LlmClient.layerFromConfig({ providers: { local } })).toEqualTypeOf<
      Layer.Layer<LlmClient.LlmClient, ConfigError.ConfigError | Error, HttpClient.HttpClient>
    >()
    expectTypeOf(Providers.layer("groq")).toEqualTypeOf<
      Layer.Layer<LlmClient.LlmClient, ConfigError.ConfigError, HttpClient.HttpClient>
    >()
  })
})

describe("the names of TinyTroupe's file", () => {
  const azure = section("API_TYPE=azure", "AZURE_API_VERSION=2024-10-21", "MODEL=chat", "EMBEDDING_MODEL=vectors")

  it.effect.each<readonly [string, object]>([
    ["MODEL=gpt-5", { model: "gpt-5" }],
    ["MAX_TOKENS=100", { max_tokens: 100 }],
    ["MAX_COMPLETION_TOKENS=100", { max_tokens: 100 }],
    ["TEMPERATURE=1.0", { temperature: 1 }],
    ["TOP_P=0.5", { top_p: 0.5 }],
    ["FREQ_PENALTY=0.1", { frequency_penalty: 0.1 }],
    ["PRESENCE_PENALTY=-0.1", { presence_penalty: -0.1 }],
    ["MODEL=o3-mini\nREASONING_EFFORT=High", { model: "o3-mini", reasoning_effort: "high" }]
  ])("%j goes out as %j, in upper and in lower case", ([line, sent]) =>
    Effect.gen(function* () {
      const lines = line.split("\n")
      const lower = lines.map((each) => each.replace(/^[A-Z_]+/, (name) => name.toLowerCase()))
      for (const file of [section(...lines), ["[openai]", ...lower].join("\n"), ["[OPENAI]", ...lines].join("\n")]) {
        const [first] = yield* sentBy(
          LlmClient.layerFromConfig().pipe(
            Layer.provide(configured(keys, line.includes("MODEL") ? file : `${file}\nMODEL=gpt-4.1`))
          )
        )
        expect(JSON.parse(first?.text ?? "{}")).toMatchObject(sent)
      }
    })
  )

  it.effect.each<readonly ["json" | "toml", string]>([
    ["json", '{ "OpenAI": { "model": "gpt-4.1", "max_tokens": 100, "temperature": 0.5, "cache_api_calls": false } }'],
    ["toml", '[openai]\nmodel = "gpt-4.1"\nmax_tokens = 100\ntemperature = 0.5\ncache_api_calls = false']
  ])("stand in %s, too", ([format, file]) =>
    Effect.gen(function* () {
      const [sent] = yield* sentBy(LlmClient.layerFromConfig().pipe(Layer.provide(configured(keys, file, format))))
      expect(JSON.parse(sent?.text ?? "")).toMatchObject({ model: "gpt-4.1", max_tokens: 100, temperature: 0.5 })
    })
  )

  it.effect("choose Azure, its API version, and its deployments", () =>
    Effect.gen(function* () {
      const both = yield* sentBy(
        LlmClient.layerFromConfig().pipe(Layer.provide(configured(keys, azure))),
        Effect.zipRight(LlmClient.complete("Hi"), LlmClient.embed("a"))
      )
      const base = "https://acme.openai.azure.com/openai/deployments"
      expect(both.map(({ url }) => url)).toEqual([
        `${base}/chat/chat/completions?api-version=2024-10-21`,
        `${base}/vectors/embeddings?api-version=2024-10-21`
      ])
    })
  )

  it.effect("name the embedding model", () =>
    Effect.gen(function* () {
      const [sent] = yield* sentBy(
        LlmClient.layerFromConfig().pipe(
          Layer.provide(configured(keys, section("MODEL=gpt-4.1", "EMBEDDING_MODEL=text-embedding-3-large")))
        ),
        LlmClient.embed("a")
      )
      expect(JSON.parse(sent?.text ?? "")).toMatchObject({ model: "text-embedding-3-large" })
    })
  )

  it.effect("yield to the provider's own variables, and to OPENAI_ and their name for the rest", () =>
    Effect.gen(function* () {
      const file = section("MODEL=of-the-file", "TEMPERATURE=1", "TOP_P=0.5")
      expect(yield* bodyWith(file, { OPENAI_MODEL: "of-the-environment", OPENAI_TEMPERATURE: "0" })).toMatchObject({
        model: "of-the-environment",
        temperature: 0,
        top_p: 0.5
      })
      const [sent] = yield* sentWith({ AZURE_DEPLOYMENT_NAME: "env", OPENAI_API_VERSION: "2025-01-01" }, azure)
      expect(sent?.url).toContain("/deployments/env/chat/completions?api-version=2025-01-01")
    })
  )

  it.effect("yield to the options of the program", () =>
    Effect.gen(function* () {
      const options = { model: "of-the-program", defaults: { temperature: 0 }, headers: { "x-team": "blue" } }
      const [sent] = yield* sentWith(
        { OPENAI_MODEL: "env" },
        section("MODEL=file", "TEMPERATURE=1", "TOP_P=0.5"),
        options
      )
      expect(JSON.parse(sent?.text ?? "")).toMatchObject({ model: "of-the-program", temperature: 0, top_p: 0.5 })
      expect(sent?.headers["x-team"]).toBe("blue")
    })
  )

  it.effect("keep their settings, but not their models, when LLM_PROVIDER chooses another provider", () =>
    Effect.gen(function* () {
      const file = section("API_TYPE=openai", "MODEL=gpt-4.1", "MAX_TOKENS=100")
      const error = yield* refusedWith(file, { LLM_PROVIDER: "anthropic" })
      expect(String(error)).toContain("ANTHROPIC_MODEL")
      const [sent] = yield* sentWith({ LLM_PROVIDER: "anthropic", ANTHROPIC_MODEL: "claude-sonnet-4-5" }, file)
      expect(JSON.parse(sent?.text ?? "")).toMatchObject({ model: "claude-sonnet-4-5", max_tokens: 100 })
    })
  )

  it.effect("may stand in another section, or at the top", () =>
    Effect.gen(function* () {
      const line = "MODEL=gpt-4.1\nTEMPERATURE=0.5"
      const found = { model: "gpt-4.1", temperature: 0.5 }
      const asked = (file: string, options?: LlmClient.ConfigOptions) =>
        Effect.map(
          sentBy(LlmClient.layerFromConfig({ ...options }).pipe(Layer.provide(configured(keys, file)))),
          ([sent]) => JSON.parse(sent?.text ?? "{}")
        )
      expect(yield* asked(`[app.llm]\n${line}`, { section: "app.llm" })).toMatchObject(found)
      expect(yield* asked(line, { section: "" })).toMatchObject(found)
      expect(yield* asked(`API_TYPE=openai\n${line}`)).toMatchObject(found)
    })
  )

  it.effect("are not looked for in an environment that has no section of them", () =>
    Effect.gen(function* () {
      const variables = {
        TEMPERATURE: "hot",
        TIMEOUT: "never",
        MODEL: "x",
        OPENAI_MODEL: "gpt-4.1",
        OPENAI_TIMEOUT: "?"
      }
      const { lines, result } = yield* logged(sentWith(variables))
      expect(lines).toEqual([])
      expect(Either.getOrThrow(result).map(({ text }) => JSON.parse(text))).toEqual([
        { model: "gpt-4.1", messages: [{ role: "user", content: "Hi" }] }
      ])
    })
  )

  it.effect.each<readonly [string, string]>([
    ["MAX_TOKENS=many", "a whole number above 0"],
    ["MAX_TOKENS=0", "a whole number above 0"],
    ["MAX_TOKENS=1.5", "a whole number above 0"],
    ["MAX_TOKENS=", "a whole number above 0"],
    ["MAX_COMPLETION_TOKENS=-1", "a whole number above 0"],
    ["TEMPERATURE=warm", "a number of at least 0"],
    ["TEMPERATURE=-1", "a number of at least 0"],
    ["TEMPERATURE=NaN", "a number of at least 0"],
    ["TOP_P=1.1", "above 0 and at most 1"],
    ["TOP_P=0", "above 0 and at most 1"],
    ["FREQ_PENALTY=x", "a number"],
    ["PRESENCE_PENALTY=Infinity", "a number"],
    ["REASONING_EFFORT=extreme", "none, minimal, low, medium, high, xhigh"],
    ["TIMEOUT=0", "a time above 0, in seconds"],
    ["TIMEOUT=soon", "a time above 0, in seconds"],
    ["MAX_ATTEMPTS=0", "a whole number above 0"],
    ["WAITING_TIME=-1", "a time of 0 or more, in seconds"],
    ["EXPONENTIAL_BACKOFF_FACTOR=0.5", "a number of at least 1"],
    ["MAX_CONCURRENT_MODEL_CALLS=-4", "a whole number above 0"],
    ["CACHE_API_CALLS=perhaps", "true, yes, on, 1, false, no, off, 0"],
    ["CACHE_FILE_NAME=", "the name of a file"],
    ["MODEL=", "the name of a model"],
    ["EMBEDDING_MODEL=", "the name of a model"],
    ["AZURE_API_VERSION=", "a version"],
    ["MODEL=..", "the name of a model"]
  ])("%s is an error that names the key and says what is allowed", ([line, sentence]) =>
    Effect.gen(function* () {
      const [name = "", value = ""] = line.split("=")
      const error = yield* refusedWith(section(line))
      expect(error).toMatchObject({ _op: "InvalidData", path: ["OpenAI", name] })
      expect(String(error)).toContain(sentence)
      if (value.length > 3) expect(wordsOf(error)).not.toContain(value)
    })
  )

  it.effect.each<readonly [string, ConfigFile.Format]>([
    ['{"OpenAI":{"TEMPERATURE":[0.5]}}', "json"],
    ['{"OpenAI":{"TOP_P":1,"TEMPERATURE":{"value":0.5}}}', "json"],
    ["[OpenAI]\nTEMPERATURE = [0.5]", "toml"],
    ["[OpenAI.TEMPERATURE]\nvalue = 0.5", "ini"]
  ])("a list or an object in the place of a value is an error that names the key: %j", ([file, format]) =>
    Effect.gen(function* () {
      const error = yield* refusedWith(file, {}, format)
      expect(error).toMatchObject({ _op: "InvalidData", path: ["OpenAI", "TEMPERATURE"] })
      expect(String(error)).toContain("must be one value")
    })
  )

  it.effect("a variable whose name goes on behind that of a setting is none of them", () =>
    Effect.gen(function* () {
      const sent = yield* sentWith({ OPENAI_MODEL: "gpt-4.1", OPENAI_TIMEOUT_ADVICE: "none" }, section("TOP_P=1"))
      expect(sent).toHaveLength(1)
    })
  )

  it.effect("a wrong variable is named as it is spelled", () =>
    Effect.gen(function* () {
      const error = yield* refusedWith(section("TIMEOUT=1"), { OPENAI_TIMEOUT: "soon" })
      expect(error).toMatchObject({ _op: "InvalidData", path: ["OPENAI_TIMEOUT"] })
    })
  )

  it.effect("no secret shows in an error, wherever it was pasted", () =>
    Effect.gen(function* () {
      const secret = "sk-secret-1234567890"
      for (const name of ["API_TYPE", "MAX_TOKENS", "TIMEOUT", "REASONING_EFFORT", "CACHE_API_CALLS"]) {
        expect(wordsOf(yield* refusedWith(section(`${name}=${secret}`)))).not.toContain(secret)
      }
      expect(wordsOf(yield* refusedWith("", { LLM_PROVIDER: secret }))).not.toContain(secret)
    })
  )

  it.effect("one that is unknown is a warning with the nearest that is known", () =>
    Effect.gen(function* () {
      const file = section("MODEL=gpt-4.1", "MAX_TOKEN=100", "temprature=1", "MAX_CONTENT_DISPLAY_LENGTH=4000")
      const { lines } = yield* logged(sentWith({}, file))
      expect(lines).toHaveLength(3)
      expect(lines).toContainEqual(expect.stringMatching(/WARN.*OpenAI\.MAX_TOKEN has no effect: .*MAX_TOKENS\?/))
      expect(lines).toContainEqual(expect.stringMatching(/WARN.*OpenAI\.temprature has no effect: .*TEMPERATURE\?/))
      expect(lines).toContainEqual(
        expect.stringMatching(/OpenAI\.MAX_CONTENT_DISPLAY_LENGTH .* the names are API_TYPE/)
      )
    })
  )

  it.effect("one that is written out is the one that is cut short", () =>
    Effect.gen(function* () {
      const { lines } = yield* logged(sentWith({}, section("MODEL=gpt-4.1", "FREQUENCY_PENALTY=1")))
      expect(lines).toEqual([expect.stringMatching(/OpenAI\.FREQUENCY_PENALTY .*FREQ_PENALTY\?/)])
    })
  )

  it.effect("a section whose name is misspelled is a warning, and a variable is no section", () =>
    Effect.gen(function* () {
      const variables = { OPENAI_MODEL: "gpt-4.1", OPENAIS_TIMEOUT_MS: "1", OPNAI_X: "1" }
      const { lines } = yield* logged(sentWith(variables, "[OpneAI]\nTEMPERATURE=1\n[Logging]\nLOGLEVEL=ERROR"))
      expect(lines).toEqual([expect.stringMatching(/WARN.*the section OpneAI has no effect: did you mean OpenAI\?/)])
    })
  )

  it.effect("a list in the place of the section is an error", () =>
    Effect.gen(function* () {
      const file = configured({ ...keys, OPENAI_MODEL: "gpt-4.1" }, "[[OpenAI]]\nTEMPERATURE = 1", "toml")
      const error = yield* refusalOf(Layer.provide(LlmClient.layerFromConfig(), file))
      expect(error).toMatchObject({ _op: "InvalidData", path: ["OpenAI"] })
      expect(String(error)).toContain("must be a section")
    })
  )

  it.effect("open the file of the cache as the program says", () =>
    Effect.gen(function* () {
      const opened: Array<string> = []
      const cacheFile = (path: string) =>
        Effect.sync((): Policy.CacheBacking => {
          opened.push(path)
          return {
            get: () => Effect.succeedNone,
            getMany: (keys) => Effect.succeed(keys.map(() => Option.none())),
            set: () => Effect.void,
            setMany: () => Effect.void
          }
        })
      const lines = ["MODEL=gpt-4.1", "CACHE_FILE_NAME=cache.lmdb"]
      yield* sentWith({}, section(...lines, "CACHE_API_CALLS=False"), { cacheFile })
      expect(opened).toEqual([])
      const said = yield* logged(sentWith({}, section(...lines, "CACHE_API_CALLS=True"), { cacheFile }))
      expect([opened, said.lines]).toEqual([["cache.lmdb"], []])
    })
  )

  it.effect("say that answers are kept in memory, where a file is asked for and the program says not how", () =>
    Effect.gen(function* () {
      const lines = ["MODEL=gpt-4.1", "CACHE_FILE_NAME=cache.pickle"]
      expect((yield* logged(sentWith({}, section(...lines, "CACHE_API_CALLS=False")))).lines).toEqual([])
      const { lines: said } = yield* logged(sentWith({}, section(...lines, "CACHE_API_CALLS=True")))
      expect(said).toEqual([expect.stringMatching(/WARN.*OpenAI\.CACHE_FILE_NAME has no effect.*in memory/)])
    })
  )
})

describe("in the environment of a process", () => {
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  const inProcess = (variables: Variables, file: string) => {
    for (const name of Object.keys(process.env)) if (/^(?:OPENAI|LLM)_/.test(name)) vi.stubEnv(name, undefined)
    for (const [name, value] of Object.entries({ ...keys, ...variables })) vi.stubEnv(name, value)
    return logged(sentBy(LlmClient.layerFromConfig().pipe(Layer.provide(ConfigFile.layerText(file, "ini")))))
  }

  it.effect.each(["OpenAI", "OPENAI", "openai"])("variables are no names of the section [%s]", (name) =>
    Effect.gen(function* () {
      const variables = { OPENAI_ORGANIZATION: "org-1", OPENAI_TOP_P: "0.5", OPENAI_MODEL: "gpt-4.1" }
      const { lines, result } = yield* inProcess(variables, `[${name}]\nMODEL=file\nTEMPERATURE=0.7\nTOP_P=1`)
      expect(lines).toEqual([])
      const [sent] = Either.getOrThrow(result)
      expect(JSON.parse(sent?.text ?? "")).toMatchObject({ model: "gpt-4.1", temperature: 0.7, top_p: 0.5 })
      expect(sent?.headers["openai-organization"]).toBe("org-1")
    })
  )

  it.effect("TinyTroupe's own file works as it is, and says which of its names have no effect here", () =>
    Effect.gen(function* () {
      const { lines, result } = yield* inProcess({ LLM_PROVIDER: "azure", AZURE_DEPLOYMENT_NAME: "chat" }, tinyTroupe)
      expect(lines.map((line) => /OpenAI\.(\w+) has no effect/.exec(line)?.[1])).toEqual([
        "MAX_CONTENT_DISPLAY_LENGTH",
        "REASONING_MODEL"
      ])
      const [sent] = Either.getOrThrow(result)
      expect(sent?.url).toContain("https://acme.openai.azure.com/openai/v1/")
      expect(JSON.parse(sent?.text ?? "")).toMatchObject({ model: "chat", max_tokens: 32000 })
    })
  )
})

/** The shape of the file that TinyTroupe ships. */
const tinyTroupe = `[OpenAI]
#
# OpenAI or Azure OpenAI Service
#
API_TYPE=openai
AZURE_API_VERSION=2024-12-01-preview

MODEL=gpt-5-mini
REASONING_MODEL=o3-mini
EMBEDDING_MODEL=text-embedding-3-small 

MAX_COMPLETION_TOKENS=32000
TIMEOUT=480
MAX_ATTEMPTS=5
WAITING_TIME=1
EXPONENTIAL_BACKOFF_FACTOR=5
MAX_CONCURRENT_MODEL_CALLS=4
REASONING_EFFORT=high

CACHE_API_CALLS=False
CACHE_FILE_NAME=openai_api_cache.pickle

MAX_CONTENT_DISPLAY_LENGTH=4000

[Simulation]
PARALLEL_AGENT_GENERATION=True

[ActionGenerator]
MAX_ATTEMPTS=2
QUALITY_THRESHOLD = 5

[Logging]
LOGLEVEL=ERROR
`

describe("the policies of TinyTroupe's file", () => {
  /** When requests came, in seconds, and what they were answered with. */
  const server = (answer: (count: number) => Effect.Effect<Response>) => {
    const times: Array<number> = []
    let start = Number.NaN
    let inFlight = 0
    const most = { inFlight: 0 }
    const http = HttpClient.make((request) =>
      Effect.gen(function* () {
        if (times.length === 0) start = (yield* Clock.currentTimeMillis) / 1000
        times.push((yield* Clock.currentTimeMillis) / 1000 - start)
        most.inFlight = Math.max(most.inFlight, ++inFlight)
        return HttpClientResponse.fromWeb(request, yield* answer(times.length))
      }).pipe(Effect.ensuring(Effect.sync(() => inFlight--)))
    )
    return { http, times, most }
  }

  const well = Effect.sync(() => HttpStub.json(HttpStub.answer()))
  const failing = (status: number) => Effect.sync(() => HttpStub.json({ error: { message: "no" } }, { status }))

  const run = <A, E>(
    lines: ReadonlyArray<string>,
    http: HttpClient.HttpClient,
    calls: Effect.Effect<A, E, LlmClient.LlmClient>
  ) =>
    inVirtualTime(
      Effect.either(calls).pipe(
        Effect.provide(
          LlmClient.layerFromConfig().pipe(Layer.provide(configured(keys, section("MODEL=gpt-4.1", ...lines))))
        ),
        Effect.provideService(HttpClient.HttpClient, http)
      )
    )

  it.effect.each<readonly [ReadonlyArray<string>, ReadonlyArray<number>]>([
    [["MAX_ATTEMPTS=5"], [0, 2, 12, 62, 312]],
    [
      ["MAX_ATTEMPTS=3", "WAITING_TIME=0", "EXPONENTIAL_BACKOFF_FACTOR=2"],
      [0, 2, 6]
    ],
    [
      ["MAX_ATTEMPTS=4", "WAITING_TIME=1", "EXPONENTIAL_BACKOFF_FACTOR=5"],
      [0, 1, 6, 31]
    ],
    [["EXPONENTIAL_BACKOFF_FACTOR=1"], [0, 2, 4, 6, 8]],
    [["WAITING_TIME=3"], [0, 3, 18, 93, 468]],
    [["MAX_ATTEMPTS=1"], [0]],
    [
      ["MAX_ATTEMPTS=2", "WAITING_TIME=500 millis"],
      [0, 0.5]
    ],
    [[], [0]]
  ])("%j: requests to a server that is busy come at %j seconds", ([lines, expected]) =>
    Effect.gen(function* () {
      const { http, times } = server(() => failing(429))
      const end = yield* run(lines, http, LlmClient.complete("Hi"))
      expect(end).toMatchObject({ _tag: "Left", left: { _tag: "RateLimited", attempts: expected.length } })
      expect(times).toEqual(expected)
    })
  )

  it.effect("a timeout is tried again at once, does not lengthen the waits, and counts", () =>
    Effect.gen(function* () {
      const { http, times } = server((count) => (count % 2 === 1 ? Effect.never : failing(503)))
      const end = yield* run(
        ["TIMEOUT=10", "MAX_ATTEMPTS=5", "EXPONENTIAL_BACKOFF_FACTOR=5"],
        http,
        LlmClient.complete("Hi")
      )
      expect(end).toMatchObject({ _tag: "Left", left: { _tag: "RequestTimeout", limit: "attempt", attempts: 5 } })
      // 10 s of waiting in vain, at once; then 2 s; 10 s, at once; then 10 s.
      expect(times).toEqual([0, 10, 12, 22, 32])
    })
  )

  it.effect("a bad request ends at once, and a server that asks for a longer wait gets it", () =>
    Effect.gen(function* () {
      const bad = server(() => failing(400))
      expect(yield* run(["MAX_ATTEMPTS=5"], bad.http, LlmClient.complete("Hi"))).toMatchObject({
        left: { _tag: "InvalidRequest", attempts: 1 }
      })
      const asking = server((count) =>
        count === 1
          ? Effect.sync(() => HttpStub.json({ error: {} }, { status: 429, headers: { "retry-after": "30" } }))
          : well
      )
      yield* run(["MAX_ATTEMPTS=5"], asking.http, LlmClient.complete("Hi"))
      expect(asking.times).toEqual([0, 30])
    })
  )

  it.effect("WAITING_TIME is between the starts of calls, and not before an answer from the cache", () =>
    Effect.gen(function* () {
      const { http, times } = server(() => well)
      const calls = Effect.forEach(["a", "b", "a", "c"], (prompt) => LlmClient.complete(prompt))
      const end = yield* run(["WAITING_TIME=2", "CACHE_API_CALLS=True"], http, calls)
      expect(times).toEqual([0, 2, 4])
      expect(Either.getOrThrow(end).map(({ cached }) => cached)).toEqual([false, false, true, false])
    })
  )

  it.effect("without CACHE_API_CALLS, equal calls are all made", () =>
    Effect.gen(function* () {
      const { http, times } = server(() => well)
      yield* run(["CACHE_API_CALLS=False"], http, Effect.replicateEffect(LlmClient.complete("a"), 2))
      expect(times).toHaveLength(2)
    })
  )

  it.effect.each<readonly [string, number]>([
    ["MAX_CONCURRENT_MODEL_CALLS=4", 4],
    ["MAX_CONCURRENT_MODEL_CALLS=0", 9],
    ["MAX_CONCURRENT_MODEL_CALLS=NONE", 9]
  ])("%s lets %i of 9 calls through at a time", ([line, most]) =>
    Effect.gen(function* () {
      const watched = server(() => Effect.delay(well, "1 second"))
      const nine = Effect.replicateEffect(LlmClient.complete("Hi"), 9, { concurrency: "unbounded" })
      yield* run([line], watched.http, nine)
      expect(watched.most.inFlight).toBe(most)
    })
  )

  it.effect("TIMEOUT is of one attempt", () =>
    Effect.gen(function* () {
      const { http, times } = server(() => Effect.never)
      const fiber = yield* Effect.fork(run(["TIMEOUT=480"], http, LlmClient.complete("Hi")))
      yield* TestClock.adjust("1 millis")
      expect(yield* Fiber.join(fiber)).toMatchObject({
        left: { _tag: "RequestTimeout", limit: "attempt", attempts: 1 }
      })
      expect(times).toEqual([0])
    })
  )
})

describe("Providers", () => {
  it.effect("give a client by name and options, with a key of another variable", () =>
    Effect.gen(function* () {
      const layer = Providers.layer("groq", {
        model: "llama-3.3-70b",
        apiKeyVariable: "TEAM_KEY",
        baseUrl: "https://proxy.example/v1"
      })
      const [sent] = yield* sentBy(layer.pipe(Layer.provide(configured({ TEAM_KEY: "team-key-1234567890" }))))
      expect(sent).toMatchObject({
        url: "https://proxy.example/v1/chat/completions",
        headers: { authorization: "Bearer team-key-1234567890" }
      })
      expect(String(yield* refusalOf(Layer.provide(layer, configured({}))))).toContain("TEAM_KEY")
    })
  )

  it.effect.each<readonly [path: string, Providers.Name, Providers.Options]>([
    ["baseUrl", "openai", { model: "gpt-4.1", baseUrl: "localhost:8080" }],
    ["model", "azure-openai", { model: " " }],
    ["embeddingModel", "groq", { model: "llama-3.3-70b", embeddingModel: "" }],
    ["apiKey", "zhipu", { model: "glm-4.6", apiKey: Redacted.make("no-dot") }],
    ["TEAM_KEY", "zhipu", { model: "glm-4.6", apiKeyVariable: "TEAM_KEY" }],
    ["ZHIPUAI_API_KEY", "zhipu", { model: "glm-4.6" }]
  ])("name %s where it is wrong, and no variable that nobody set", ([path, name, options]) =>
    Effect.gen(function* () {
      const variables = { ...keys, TEAM_KEY: "no-dot", ZHIPUAI_API_KEY: "no-dot" }
      const error = yield* refusalOf(Layer.provide(Providers.layer(name, options), configured(variables)))
      expect(error).toMatchObject({ _op: "InvalidData", path: [path] })
    })
  )

  it.effect.each<readonly [variable: string, Providers.Name]>([
    ["OPENAI_API_KEY", "openai"],
    ["AZURE_OPENAI_ENDPOINT", "azure-openai"],
    ["LLAMA_ENDPOINT", "azure-meta-llama"],
    ["ZHIPUAI_API_KEY", "zhipu"],
    ["GROQ_MODEL", "groq"]
  ])("say of %s that it must be set", ([variable, name]) =>
    Effect.gen(function* () {
      const error = yield* refusalOf(Layer.provide(Providers.layer(name), configured({})))
      expect(error).toMatchObject({ _op: "MissingData", path: [variable] })
      expect(String(error)).toContain(`set ${variable}`)
    })
  )

  it.effect("refuse an option that they do not take", () =>
    Effect.gen(function* () {
      const layer = Providers.layer("anthropic", { model: "claude-sonnet-4-5", embeddingModel: "vectors" })
      expect(yield* refusalOf(Layer.provide(layer, configured(keys)))).toMatchObject({
        _op: "InvalidData",
        path: ["embeddingModel"],
        message: "anthropic takes no embeddingModel"
      })
    })
  )

  it.effect.each(Object.entries(Providers.all))(
    "%s takes every option that has a variable, from either",
    ([, { layerConfig, variables }]) =>
      Effect.gen(function* () {
        const values = {
          apiKey: "id.secret-1234567890",
          model: "some-model",
          embeddingModel: "some-vectors",
          baseUrl: "http://127.0.0.1:9999/base",
          apiVersion: "2024-10-21"
        }
        const entries = Object.entries(variables ?? {}).filter(([option]) => option in values)
        const said = (option: string): string => Object.entries(values).find(([each]) => each === option)?.[1] ?? ""
        const fromVariables = configured(
          Object.fromEntries(entries.map(([option, variable]) => [String(variable), said(option)]))
        )
        const calls = Effect.zipRight(LlmClient.complete("Hi"), Effect.ignore(LlmClient.embed("a")))
        const options: Providers.Options = Object.fromEntries(
          entries.map(([option]) => [option, option === "apiKey" ? Redacted.make(said(option)) : said(option)])
        )
        const read = yield* sentBy(layerConfig({}).pipe(Layer.provide(fromVariables)), calls)
        const given = yield* sentBy(layerConfig(options).pipe(Layer.provide(configured({}))), calls)
        const essence = (sent: typeof read) => sent.map(({ text, url }) => [url, text])
        expect(read.length).toBeGreaterThan(0)
        expect(read[0]?.url).toContain("http://127.0.0.1:9999/base")
        expect(essence(given)).toEqual(essence(read))
      })
  )
})
