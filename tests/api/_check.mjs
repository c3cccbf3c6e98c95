// _check.mjs - what the clients' scripts share: TAP lines without a plan.
let n = 0;

// One line: ok if fn's promise comes true.
export async function check(name, fn) {
  n++;
  try {
    const r = await fn();
    console.log(`${r ? 'ok' : 'not ok'} ${n} - ${name}`);
  } catch (e) {
    console.log(`not ok ${n} - ${name}\n# ${String(e.message ?? e).split('\n')[0]}`);
  }
}
