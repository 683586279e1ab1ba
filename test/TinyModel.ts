/**
 * GGUF files of Llama models that are small enough to be made for each run of the tests, and that the real engine loads and
 * runs: one with random weights, and one whose weights are a script, so that what it answers is known.
 */

/** Llama 3's template, as far as it matters. */
export const template =
  "{{- bos_token }}{%- for message in messages %}{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'" +
  " + message['content'] | trim + '<|eot_id|>' }}{%- endfor %}" +
  "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}"

// -----------------------------------------------------------------------------
// Vocabulary: bytes, pieces of words, special tokens
// -----------------------------------------------------------------------------

/** Numbers of GGUF's kinds of token. */
const kinds = { normal: 1, control: 3, userDefined: 4 } as const

const specialTokens = [
  "<|begin_of_text|>",
  "<|end_of_text|>",
  "<|start_header_id|>",
  "<|end_header_id|>",
  "<|eot_id|>",
  "<|eom_id|>",
  "<|python_tag|>"
]

/** The printable character that stands for each byte in a byte-level vocabulary. */
const byteCharacters: ReadonlyArray<string> = (() => {
  let unprintable = 256
  const isPrintable = (byte: number): boolean => (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173)
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : unprintable++))
})()

const written = (text: string): string =>
  Array.from(new TextEncoder().encode(text), (byte) => byteCharacters[byte] ?? "").join("")

class Vocabulary {
  readonly tokens: Array<string> = [...byteCharacters]
  readonly types: Array<number> = byteCharacters.map(() => kinds.normal)
  readonly merges: Array<string> = []

  /** The id of a token, which is added if it is not there. */
  id(token: string, kind: number = kinds.normal): number {
    const known = this.tokens.indexOf(token)
    if (known >= 0) return known
    this.types.push(kind)
    return this.tokens.push(token) - 1
  }

  /** Makes a word one token, by merging it from the left. */
  addWord(word: string): void {
    const characters = [...written(word)]
    characters.reduce((left, right) => {
      if (!this.tokens.includes(left + right)) {
        this.id(left + right)
        this.merges.push(`${left} ${right}`)
      }
      return left + right
    })
  }
}

// -----------------------------------------------------------------------------
// GGUF
// -----------------------------------------------------------------------------

interface Tensor {
  readonly name: string
  /** Inputs, outputs. */
  readonly dimensions: ReadonlyArray<number>
  readonly weights: Float32Array
}

type Value =
  | { readonly u32: number }
  | { readonly f32: number }
  | { readonly flag: boolean }
  | { readonly text: string }
  | { readonly texts: ReadonlyArray<string> }
  | { readonly i32s: ReadonlyArray<number> }

const alignment = 32

/** Bytes up to the next border. */
const padding = (size: number): number => (alignment - (size % alignment)) % alignment

class Writer {
  private readonly pieces: Array<Buffer> = []
  private size = 0

  put(piece: Uint8Array): void {
    this.pieces.push(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength))
    this.size += piece.byteLength
  }

  u32(value: number): void {
    const piece = Buffer.alloc(4)
    piece.writeUInt32LE(value >>> 0)
    this.put(piece)
  }

  u64(value: number): void {
    const piece = Buffer.alloc(8)
    piece.writeBigUInt64LE(BigInt(value))
    this.put(piece)
  }

  f32(value: number): void {
    const piece = Buffer.alloc(4)
    piece.writeFloatLE(value)
    this.put(piece)
  }

  text(value: string): void {
    const piece = Buffer.from(value)
    this.u64(piece.length)
    this.put(piece)
  }

  value(value: Value): void {
    if ("u32" in value) {
      this.u32(4)
      this.u32(value.u32)
    } else if ("f32" in value) {
      this.u32(6)
      this.f32(value.f32)
    } else if ("flag" in value) {
      this.u32(7)
      this.put(Buffer.from([value.flag ? 1 : 0]))
    } else if ("text" in value) {
      this.u32(8)
      this.text(value.text)
    } else if ("texts" in value) {
      this.array(8, value.texts, (text) => this.text(text))
    } else this.array(5, value.i32s, (number) => this.u32(number))
  }

  pad(): void {
    this.put(new Uint8Array(padding(this.size)))
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.pieces)
  }

  private array<A>(type: number, values: ReadonlyArray<A>, write: (value: A) => void): void {
    this.u32(9)
    this.u32(type)
    this.u64(values.length)
    values.forEach(write)
  }
}

const gguf = (metadata: Readonly<Record<string, Value>>, tensors: ReadonlyArray<Tensor>): Uint8Array => {
  const writer = new Writer()
  writer.put(Buffer.from("GGUF"))
  writer.u32(3)
  writer.u64(tensors.length)
  writer.u64(Object.keys(metadata).length)
  for (const [key, value] of Object.entries(metadata)) {
    writer.text(key)
    writer.value(value)
  }
  let offset = 0
  for (const { dimensions, name, weights } of tensors) {
    writer.text(name)
    writer.u32(dimensions.length)
    for (const dimension of dimensions) writer.u64(dimension)
    // Plain 32-bit numbers.
    writer.u32(0)
    writer.u64(offset)
    offset += weights.byteLength + padding(weights.byteLength)
  }
  writer.pad()
  for (const { weights } of tensors) {
    writer.put(new Uint8Array(weights.buffer))
    writer.pad()
  }
  return writer.bytes()
}

// -----------------------------------------------------------------------------
// Llama
// -----------------------------------------------------------------------------

interface Shape {
  readonly width: number
  readonly layers: number
  readonly heads: number
  readonly keyHeads: number
  readonly hidden: number
}

export interface Options {
  /** Default: 8192 tokens. */
  readonly contextSize?: number
  /** Default: `template`; `null` leaves it out. */
  readonly chatTemplate?: string | null
}

/** Makes the weights of one tensor, by its name and its dimensions. */
type Weights = (name: string, inputs: number, outputs: number) => Float32Array

const llama = (vocabulary: Vocabulary, shape: Shape, weightsOf: Weights, options: Options): Uint8Array => {
  const { heads, hidden, keyHeads, layers, width } = shape
  const special = (token: string): Value => ({ u32: vocabulary.id(token) })
  const headWidth = width / heads
  const tensors: Array<Tensor> = []
  const matrix = (name: string, inputs: number, outputs: number): void => {
    tensors.push({ name, dimensions: [inputs, outputs], weights: weightsOf(name, inputs, outputs) })
  }
  const norm = (name: string): void => {
    tensors.push({ name, dimensions: [width], weights: new Float32Array(width).fill(1) })
  }
  matrix("token_embd.weight", width, vocabulary.tokens.length)
  for (let layer = 0; layer < layers; layer++) {
    const block = `blk.${layer}.`
    norm(`${block}attn_norm.weight`)
    matrix(`${block}attn_q.weight`, width, width)
    matrix(`${block}attn_k.weight`, width, keyHeads * headWidth)
    matrix(`${block}attn_v.weight`, width, keyHeads * headWidth)
    matrix(`${block}attn_output.weight`, width, width)
    norm(`${block}ffn_norm.weight`)
    matrix(`${block}ffn_gate.weight`, width, hidden)
    matrix(`${block}ffn_up.weight`, width, hidden)
    matrix(`${block}ffn_down.weight`, hidden, width)
  }
  norm("output_norm.weight")
  matrix("output.weight", width, vocabulary.tokens.length)
  const { chatTemplate = template, contextSize = 8192 } = options
  return gguf(
    {
      "general.architecture": { text: "llama" },
      "general.name": { text: "tiny-llama" },
      "general.alignment": { u32: alignment },
      "llama.context_length": { u32: contextSize },
      "llama.embedding_length": { u32: width },
      "llama.block_count": { u32: layers },
      "llama.feed_forward_length": { u32: hidden },
      "llama.attention.head_count": { u32: heads },
      "llama.attention.head_count_kv": { u32: keyHeads },
      "llama.attention.layer_norm_rms_epsilon": { f32: 1e-5 },
      "llama.rope.dimension_count": { u32: headWidth },
      "llama.rope.freq_base": { f32: 10_000 },
      "llama.vocab_size": { u32: vocabulary.tokens.length },
      "tokenizer.ggml.model": { text: "gpt2" },
      "tokenizer.ggml.pre": { text: "llama-bpe" },
      "tokenizer.ggml.tokens": { texts: vocabulary.tokens },
      "tokenizer.ggml.token_type": { i32s: vocabulary.types },
      "tokenizer.ggml.merges": { texts: vocabulary.merges },
      "tokenizer.ggml.bos_token_id": special("<|begin_of_text|>"),
      "tokenizer.ggml.eos_token_id": special("<|eot_id|>"),
      "tokenizer.ggml.add_bos_token": { flag: true },
      ...(chatTemplate === null ? {} : { "tokenizer.chat_template": { text: chatTemplate } })
    },
    tensors
  )
}

// -----------------------------------------------------------------------------
// Random weights
// -----------------------------------------------------------------------------

/** Numbers from 0 to 1, the same for the same seed. */
const randomFrom = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return ((state >>> 8) + 0.5) / 0x1000000
  }
}

/** A model that says nonsense, always the same for a seed: two layers, some 300 tokens, less than half a megabyte. */
export const random = (options: Options & { readonly seed?: number } = {}): Uint8Array => {
  const vocabulary = new Vocabulary()
  for (const word of ["hello", " hello", "world", " world", " model", "user", "system", "assistant"]) {
    vocabulary.addWord(word)
  }
  for (const token of specialTokens) vocabulary.id(token, kinds.control)
  const next = randomFrom(options.seed ?? 1)
  const shape: Shape = { width: 64, layers: 2, heads: 4, keyHeads: 2, hidden: 128 }
  const gaussian = (): number => Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next())
  const spread = (name: string): number => (name === "token_embd.weight" ? 1 : 1 / Math.sqrt(shape.width))
  return llama(
    vocabulary,
    shape,
    (name, inputs, outputs) => Float32Array.from({ length: inputs * outputs }, () => gaussian() * spread(name)),
    options
  )
}

// -----------------------------------------------------------------------------
// Scripted weights
// -----------------------------------------------------------------------------

/**
 * - `text`: what is said; a list names the tokens, a string is split into words. After a token always the same one comes,
 *   so the same piece cannot stand in two places with different ones behind it
 * - `when`: said where this text is in the prompt; of several that are, the last of the list counts. The one without it is
 *   said otherwise
 */
export interface Reply {
  readonly text: string | ReadonlyArray<string>
  readonly when?: string
}

interface Line {
  readonly ids: ReadonlyArray<number>
  /** The token that calls for it. */
  readonly trigger: number | undefined
}

/** Inputs, outputs and values of a tensor that is zero elsewhere. */
type Cells = ReadonlyArray<readonly [input: number, output: number, value: number]>

const piecesOf = (text: string | ReadonlyArray<string>): ReadonlyArray<string> =>
  typeof text === "string" ? (text.match(/ ?\S+|\s+/g) ?? []) : text

/** Which token comes after which; an answer ends in the end-of-turn token. */
const successors = (lines: ReadonlyArray<Line>, vocabulary: Vocabulary, end: number): ReadonlyMap<number, number> => {
  const after = new Map<number, number>()
  for (const { ids } of lines) {
    ids.forEach((id, index) => {
      const next = ids[index + 1] ?? end
      if ((after.get(id) ?? next) !== next) {
        throw new Error(`two different pieces come after ${JSON.stringify(vocabulary.tokens[id])}`)
      }
      after.set(id, next)
    })
  }
  return after
}

/**
 * A model that says what it was told to. Each token has a dimension of its own, and each reply two: whether its trigger has
 * been read (which attention, that looks at all tokens alike, collects), and whether it is to be said now (which is set
 * where the header of the answer ends, by its last line break).
 */
export const scripted = (replies: ReadonlyArray<Reply>, options: Options = {}): Uint8Array => {
  const vocabulary = new Vocabulary()
  const lines = replies.map(({ text, when }): Line => ({
    ids: piecesOf(text).map((piece) => vocabulary.id(written(piece))),
    trigger: when === undefined ? undefined : vocabulary.id(when, kinds.userDefined)
  }))
  for (const token of specialTokens) vocabulary.id(token, kinds.control)
  const count = vocabulary.tokens.length
  const end = vocabulary.id("<|eot_id|>")
  const lineBreak = vocabulary.id(written("\n"))
  const width = Math.ceil((count + 2 * lines.length) / 32) * 32
  const isRead = (index: number): number => count + 2 * index
  const isNow = (index: number): number => count + 2 * index + 1
  const triggered = lines.flatMap(({ trigger }, index) => (trigger === undefined ? [] : [{ index, trigger }]))

  const after = successors(lines, vocabulary, end)
  const following = vocabulary.tokens.map((_, id): Cells[number] => [id, after.get(id) ?? end, 1e6])
  const byDefault = lines.find(({ trigger }) => trigger === undefined)?.ids[0] ?? end
  // What was triggered outweighs what comes otherwise, and a later reply an earlier one.
  const starts = lines.map(({ ids, trigger }, index): Cells[number] =>
    trigger === undefined ? [lineBreak, byDefault, 1e6] : [isNow(index), ids[0] ?? end, 1e6 * 1e3 ** (index + 1)]
  )
  const program: Readonly<Record<string, Cells>> = {
    "token_embd.weight": vocabulary.tokens.map((_, id) => [id, id, 1]),
    "blk.0.attn_v.weight": triggered.map(({ index, trigger }) => [trigger, index, 1]),
    "blk.0.attn_output.weight": triggered.map(({ index }) => [index, isRead(index), 1e4]),
    "blk.0.ffn_gate.weight": triggered.map(({ index }) => [lineBreak, index, 1e5]),
    "blk.0.ffn_up.weight": triggered.map(({ index }) => [isRead(index), index, 1]),
    "blk.0.ffn_down.weight": triggered.map(({ index }) => [index, isNow(index), 1]),
    "output.weight": [...following.filter(([id]) => id !== lineBreak), ...starts]
  }
  return llama(
    vocabulary,
    { width, layers: 1, heads: width / 32, keyHeads: 1, hidden: 32 },
    (name, inputs, outputs) => {
      const weights = new Float32Array(inputs * outputs)
      for (const [input, output, value] of program[name] ?? []) weights[output * inputs + input] = value
      return weights
    },
    options
  )
}
