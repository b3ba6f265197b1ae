#!/usr/bin/env node
/** The command `regalia`. */
import { runProcess } from './process.js';
import { VERBS } from './verbs.js';

await runProcess(VERBS);
