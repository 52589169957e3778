// A thread of a search: evaluates what it is asked to, one after the other.

import { parentPort, workerData } from 'node:worker_threads';
import { EspalierError, parse } from '@espalier/ir';
import { createEvaluator, type Evaluator } from '@espalier/search';
import type { Answer, Request, Results, ThreadSetup } from './messages.ts';
import { openTask } from './task.ts';

async function open(setup: ThreadSetup): Promise<Evaluator> {
  const task = setup.task === undefined ? undefined : await openTask(setup.task);
  const metric = task && { metric: task.metric };
  return createEvaluator(parse(setup.text, setup.constants), { ...setup.problem, ...metric });
}

function evaluate(evaluator: Evaluator, request: Request): Promise<Results[keyof Results]> {
  const { precision } = request;
  switch (request.kind) {
    case 'score':
      return evaluator.score(precision);
    case 'study':
      return evaluator.at(precision).study(request.layer, request.narrowing);
    case 'attempt':
      return evaluator.at(precision).attempt(request.key, request.chosen, request.widths);
  }
}

const troubleOf = (error: unknown): Answer => {
  const { message, stack } = error as Error; // nothing else is thrown
  if (!(error instanceof EspalierError)) return { trouble: { message: stack ?? message } };
  const { code, hint } = error;
  return { trouble: { message, code, ...(hint !== undefined && { hint }) } };
};

const evaluator = open(workerData as ThreadSetup); // what the pool starts threads with
evaluator.catch(() => undefined); // the first request says so
parentPort?.on('message', async (request: Request) => {
  let answer: Answer;
  try {
    answer = { value: await evaluate(await evaluator, request) };
  } catch (error) {
    answer = troubleOf(error);
  }
  parentPort?.postMessage(answer);
});
