/**
 * The scoring wire of Azure Machine Learning's online endpoints: `/score`, with a chat model behind it. The deployment is
 * named by a header; without it, the first one answers.
 */
import * as Predicate from "effect/Predicate"
import * as AzureError from "./AzureError.js"
import * as ChatAnswer from "./ChatAnswer.js"
import * as ChatRequest from "./OpenAiChatRequest.js"
import * as Model from "./Model.js"
import * as OpenAiError from "./OpenAiError.js"
import type { Call, Plan, Wire, World } from "./Wire.js"

const models = ["Meta-Llama-3.1-70B-Instruct", "Meta-Llama-3.1-8B-Instruct"]

const deploymentOf = ({ headers }: Call): string => headers["azureml-model-deployment"] ?? ""

const score = (call: Call, chosen: World): Plan => {
  const world = chosen.models === Model.defaultModels ? { ...chosen, models } : chosen
  const input = Predicate.isRecord(call.json) ? call.json["input_data"] : undefined
  if (!Predicate.isRecord(input) || !Predicate.isRecord(input["parameters"])) return scriptFailed
  const { max_new_tokens, ...parameters } = input["parameters"]
  const task = ChatRequest.read(
    {
      ...call,
      json: {
        ...parameters,
        max_tokens: max_new_tokens,
        model: deploymentOf(call) || world.models[0],
        messages: input["input_string"]
      }
    },
    world
  )
  if (task._tag === "Refused") return task.status === 404 ? AzureError.unknownDeployment : task
  const answer = ChatAnswer.answer(task, world)
  return {
    _tag: "Whole",
    model: task.model.id,
    inputTokens: task.promptTokens,
    outputTokens: answer.outputTokens,
    body: JSON.stringify({ output: answer.text.join("") })
  }
}

/** The script behind an endpoint does not check its input: it fails at it. */
const scriptFailed = AzureError.ofStatus(424)

export const azureMlScore: Wire = {
  name: "azureml-score",
  routes: [
    { method: "POST", path: /^\/score$/, peek: (call) => ({ model: deploymentOf(call), stream: false }), handle: score }
  ],
  authenticate: (headers, apiKey) => {
    const [scheme, key] = (headers["authorization"] ?? "").split(/\s+/, 2)
    const isGood =
      scheme?.toLowerCase() === "bearer" && key !== undefined && key !== "" && (apiKey === undefined || key === apiKey)
    return isGood ? undefined : AzureError.wrongKey
  },
  errorBody: AzureError.body,
  errorFrame: OpenAiError.frame,
  refusal: AzureError.ofStatus,
  rateLimited: AzureError.rateLimited,
  unknownRoute: () => AzureError.notFound,
  wrongMethod: () => AzureError.wrongMethod,
  headers: ({ requestId }) => ({ "x-request-id": requestId, "azureml-served-by-cluster": "simulated" })
}
