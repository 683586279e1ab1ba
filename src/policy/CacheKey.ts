/**
 * The keys of cached answers: SHA-256 of what is sent and to whom, with the names of those who may share it. No metadata,
 * nothing of the cache's own. `None`: not to be cached.
 */
import { sha256 } from "@noble/hashes/sha2"
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils"
import * as Option from "effect/Option"
import * as CanonicalJson from "../CanonicalJson.js"
import type { ChatRequest } from "../ChatRequest.js"
import type { EmbedRequest } from "../Embeddings.js"
import type { Service } from "../LlmClient.js"

export const ofChat = (client: Service, namespace: string, request: ChatRequest): Option.Option<string> => {
  const { cacheControl: _, metadata: _metadata, idempotencyKey: _idempotencyKey, ...sent } = request
  return Option.map(textOf(client, namespace, "chat", request, sent), hash)
}

/** A key per text, in the order of the texts. */
export const ofTexts = (
  client: Service,
  namespace: string,
  request: EmbedRequest
): Option.Option<ReadonlyArray<string>> => {
  const { cacheControl: _, metadata: _metadata, input, ...sent } = request
  // JSON says where it ends: what follows is the text.
  return Option.map(textOf(client, namespace, "embed", request, sent), (shared) =>
    input.map((text) => hash(shared + text))
  )
}

const hash = (text: string): string => bytesToHex(sha256(utf8ToBytes(text)))

const textOf = (
  client: Service,
  namespace: string,
  kind: "chat" | "embed",
  { cacheControl }: ChatRequest | EmbedRequest,
  sent: object
): Option.Option<string> =>
  cacheControl?.mode === "bypass"
    ? Option.none()
    : // What JSON cannot hold can be no key, and will not be sent either.
      Option.liftThrowable(CanonicalJson.stringify)([
        kind,
        namespace,
        cacheControl?.namespace ?? "",
        client.provider,
        { model: client.model, ...definedOnly(sent) }
      ])

const definedOnly = (record: object): object =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined))
