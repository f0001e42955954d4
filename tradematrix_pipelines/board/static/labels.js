// Where the labels of levels go, so that none covers another. Pure.

const TOUCHING = 0.5;
const LONGEST = 13;
const RANKED = ["daily", "pivots"];

/**
 * Returns labels in the order of their `y`, each with its `top`; the last price keeps its place, the others give way.
 * Where all of them do not fit, those nearest to each other share a label.
 */
export function layOut(items, { height, room }) {
  let rows = [...items].sort((one, other) => one.y - other.y).map((item) => ({ y: item.y, members: [item], fixed: item.fixed === true }));
  rows = joinWhere(rows, (above, below) => below.y - above.y < TOUCHING && !above.fixed && !below.fixed);
  while (rows.length * height > room && rows.length > 1) rows = joinNearest(rows);
  return spread(rows, height, room);
}

function joinWhere(rows, together) {
  const joined = [];
  for (const row of rows) {
    const last = joined.at(-1);
    if (last && together(last, row)) joined[joined.length - 1] = join(last, row);
    else joined.push(row);
  }
  return joined;
}

function join(above, below) {
  const members = [...above.members, ...below.members].sort((one, other) => rank(one) - rank(other));
  return { members, y: members.reduce((sum, { y }) => sum + y, 0) / members.length, fixed: false };
}

/** The best known level gives a shared label its name: yesterday's, then pivots. */
const rank = ({ group }) => (RANKED.includes(group) ? RANKED.indexOf(group) : RANKED.length);

function joinNearest(rows) {
  let nearest = -1;
  for (let index = 0; index + 1 < rows.length; index += 1) {
    if (rows[index].fixed || rows[index + 1].fixed) continue;
    if (nearest < 0 || gap(rows, index) < gap(rows, nearest)) nearest = index;
  }
  if (nearest < 0) return rows.slice(0, -1);
  return [...rows.slice(0, nearest), join(rows[nearest], rows[nearest + 1]), ...rows.slice(nearest + 2)];
}

const gap = (rows, index) => rows[index + 1].y - rows[index].y;

/** The least squared displacement without overlap: blocks of labels that touch are moved as one. */
function spread(rows, height, room) {
  const blocks = [];
  rows.forEach((row, index) => {
    const weight = row.fixed ? 1000 : 1;
    let block = { start: row.y - height / 2 - index * height, weight, count: 1 };
    while (blocks.length && blocks.at(-1).start > block.start) {
      const above = blocks.pop();
      const total = above.weight + block.weight;
      block = { start: (above.start * above.weight + block.start * block.weight) / total, weight: total, count: above.count + block.count };
    }
    blocks.push(block);
  });
  const lowest = Math.max(0, room - rows.length * height);
  const starts = blocks.flatMap(({ start, count }) => Array(count).fill(Math.min(Math.max(start, 0), lowest)));
  return rows.map((row, index) => ({ ...row, top: starts[index] + index * height }));
}

/** The text of a label that several levels share. */
export function joinedName(members, narrow = false) {
  const names = members.map(({ short }) => short);
  const all = names.join(" · ");
  if (names.length === 1 || (!narrow && all.length <= LONGEST)) return all;
  return `${names[0]} +${names.length - 1}`;
}
