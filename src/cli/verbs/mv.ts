/** `regalia mv`: moves an entry; edits of other replicas below it follow. */
import { transferVerb } from '../open.js';

export default transferVerb('mv', 'move');
