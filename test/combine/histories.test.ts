/** What merging makes of each history, both ways and by each answer. */
import t from 'tap';
import { HISTORIES } from './histories.js';
import { checkHistory } from './history.js';

for (const history of HISTORIES) t.test(history.name, (t) => checkHistory(t, history));
