import { hash32, hashUnit, type Random, weighted } from '../random.ts';
import { imagePath } from './images.ts';
import { companySuffixes, companyWords, people } from './words.ts';

/** A production company in a movie's details. */
export interface Company {
  readonly id: number;
  readonly logo_path: string | null;
  readonly name: string;
  readonly origin_country: string;
}

const companyCount = 4_000;
/** The larger this is, the smaller the share of the first few companies; with 5 the first has 3 %, as recorded. */
const flatness = 5;

const countries = weighted<string>([
  ['US', 660],
  ['GB', 90],
  ['', 70],
  ['FR', 40],
  ['CA', 30],
  ['CN', 20],
  ['AU', 20],
  ['DE', 20],
  ['JP', 20],
  ['ES', 13],
  ['IN', 12],
  ['BE', 9],
  ['IT', 9],
  ['IE', 8],
  ['KR', 8],
  ['SE', 6],
  ['HK', 6],
  ['BR', 3],
  ['PL', 3],
]);

/** Those that were picked before: bounded, so they are kept. */
const companies = new Map<number, Company>();

/** The same company everywhere, whatever the catalogue's seed. */
function companyAt(index: number): Company {
  const known = companies.get(index);
  if (known) return known;
  const company = {
    id: 1 + index * 47 + (hash32(index, 1) % 47),
    logo_path: hashUnit(index, 2) < (index < 400 ? 0.05 : 0.4) ? null : imagePath(hash32(index, 3), 'png'),
    name: companyName(index, 0),
    origin_country: countries(hashUnit(index, 4)),
  };
  companies.set(index, company);
  return company;
}

/** A company that changed its name is listed under both: TMDb's documents are as old as their last edit. */
const isRenamed = (index: number): boolean => hash32(index, 5) % 50 === 0;
const renamed = (company: Company): Company => ({
  ...company,
  name: `${company.name.split(' ')[0]} ${companySuffix(company.id)}`,
});

function companyName(index: number, variant: number): string {
  const word = companyWords[hash32(index, 6, variant) % companyWords.length] ?? '';
  const suffix = companySuffix(index);
  const person = people[hash32(index, 7) % people.length] ?? '';
  return hash32(index, 8) % 3 === 0 ? `${person} ${word} ${suffix}` : `${word} ${suffix}`;
}

function companySuffix(number: number): string {
  return companySuffixes[hash32(number, 9) % companySuffixes.length] ?? '';
}

/** At most `count` companies, without duplicates. A few make a large share of all movies, most make one or two. */
export function pickCompanies(random: Random, count: number): Company[] {
  const picked: Company[] = [];
  for (let attempt = 0; attempt < count; attempt += 1) {
    const index = Math.floor(flatness * ((companyCount / flatness + 1) ** random.next() - 1));
    if (index >= companyCount) continue;
    const company = companyAt(index);
    if (picked.some(({ id }) => id === company.id)) continue;
    picked.push(isRenamed(index) && random.chance(0.2) ? renamed(company) : company);
  }
  return picked;
}
