/**
 * Descriptions of new texts in a pipeline in a transaction. They are sent at once, before the statements in front of
 * them have run, so that those of all texts take one round trip together. A refusal then does not fail the
 * transaction: the text is described again in its turn, where it gives the error, or a meaning that an earlier
 * statement of the pipeline has made.
 *
 * A text behind a statement that may change its meaning, such as DDL or a call of an unknown function, waits until that
 * statement has ended.
 */
import { type Engine, runFlow } from './engine.ts'
import { DbError } from './errors/tree.ts'
import { failTransaction, noteFailure } from './flows/failed-transaction.ts'
import { type ResolvedStatement, knownStatement, resolveStatement } from './flows/resolve-statement.ts'
import { hasSavepoints } from './flows/stale-statement.ts'
import type { StatementRequest } from './flows/statement-request.ts'
import type { Turn } from './pipeline-turn.ts'

/**
 * Errors that another description would not cure: deadlock, lack of resources, a lock that is not available, a cancelled
 * statement, an error of the system.
 */
const FINAL = /^(?:40|53|55|57|58)/

export class PipelineDescriptions {
  readonly #engine: Engine
  /** Texts that are being described. The promises tell whether the server has accepted them. They never reject. */
  readonly #running = new Map<string, Promise<boolean>>()

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /**
   * Describes a text before its turn, if that is possible. Otherwise waits for its turn.
   * @returns null when the statement itself has to describe the text.
   * @throws the reason why the pipeline sends nothing more; an error of the server that does not depend on the text
   */
  async get(turn: Turn, request: StatementRequest): Promise<ResolvedStatement | null> {
    await turn.waitForMeanings()
    const { context, session } = this.#engine
    if (session.transactionStatus === 'I') return null
    const isPossible = session.transactionStatus === 'T' && hasSavepoints(context)
    const found = isPossible ? await this.#shared(turn, request) : null
    if (found !== null) return found
    await turn.waitForOthers()
    return null
  }

  /** Waits for a description of the same text that is on its way, so that the text is described once. */
  async #shared(turn: Turn, request: StatementRequest): Promise<ResolvedStatement | null> {
    const { context } = this.#engine
    const { sql } = request
    // No request may close the statement before it has run.
    turn.holdStatements()
    if (!context.statements.isCacheable(sql)) return this.#describe(turn, request)
    const running = this.#running.get(sql)
    if (running !== undefined) {
      if (!(await running)) return null
      const statement = knownStatement(context, sql, request)
      return statement === null ? this.#describe(turn, request) : { statement, isRemembered: false }
    }
    const found = this.#describe(turn, request)
    const isAccepted = found.then(
      (statement) => statement !== null,
      () => false,
    )
    this.#running.set(sql, isAccepted)
    void isAccepted.then(() => this.#running.delete(sql))
    return found
  }

  async #describe(turn: Turn, request: StatementRequest): Promise<ResolvedStatement | null> {
    const { context, session } = this.#engine
    const { sql, values } = request
    try {
      return await runFlow(resolveStatement(context, sql, values, { isApart: true }), session)
    } catch (error) {
      const isFinal = session.isClosed || (error instanceof DbError && FINAL.test(error.sqlstate ?? ''))
      if (!isFinal) return null
      await turn.waitForOthers()
      await runFlow(failTransaction(context), session)
      throw noteFailure(context, error, sql)
    }
  }
}
