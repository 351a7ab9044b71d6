import { weighted } from '../random.ts';

/** A language of movies, with enough words for titles in its own script. */
export interface Language {
  readonly code: string;
  readonly englishName: string;
  /** TMDb leaves it empty if it is unknown. */
  readonly name: string;
  /** The main countries of its movies: ISO 3166-1 codes, the most common one first. */
  readonly countries: readonly string[];
  /** A title consists of a head, a tail and a connector. All combinations are valid. */
  readonly heads: readonly string[];
  readonly tails: readonly string[];
  readonly between: string;
}

const language = (
  code: string,
  englishName: string,
  name: string,
  countries: string,
  between: string,
  heads: string,
  tails: string,
): Language => ({
  code,
  englishName,
  name,
  countries: countries.split(' '),
  between,
  heads: heads.split('|'),
  tails: tails.split('|'),
});

export const english = language('en', 'English', 'English', 'US US US US GB CA AU IE NZ', ' ', '', '');

const foreign = {
  fr: language(
    'fr',
    'French',
    'Français',
    'FR FR FR BE CA',
    ' ',
    "Le Secret|La Dernière Nuit|L'Été|Les Enfants|Le Voleur|La Valse|Le Silence|Une Année|Le Fantôme|La Colère|L'Ombre|Le Goût",
    "de la forêt|des étoiles|du boulanger|d'Amélie|de l'hôtel|sans réponse|à Marseille|de minuit|du sixième étage|aux yeux verts",
  ),
  es: language(
    'es',
    'Spanish',
    'Español',
    'ES ES MX AR CL',
    ' ',
    'El secreto|La última noche|El verano|Los hijos|La sombra|El ladrón|Una canción|El señor|La casa|Mañana',
    'de la montaña|de nadie|del río|sin corazón|de los niños perdidos|en Sevilla|del año cero|de mi abuela|bajo el mar|de Ibáñez',
  ),
  de: language(
    'de',
    'German',
    'Deutsch',
    'DE DE AT CH',
    ' ',
    'Das Geheimnis|Die letzte Nacht|Der Schatten|Ein Sommer|Die Tochter|Der lange Weg|Die Rückkehr|Das Glück',
    'des Bäckers|der Straße|ohne Gnade|am Fluss|von Köln|über den Dächern|des Königs|im Schnee|der kleinen Leute',
  ),
  it: language(
    'it',
    'Italian',
    'Italiano',
    'IT',
    ' ',
    "Il segreto|L'ultima notte|La città|I ragazzi|La ballata|Il ladro|Un'estate|La vendetta",
    'del mare|di Palermo|senza nome|delle colline|della domenica|del commissario|è finita|di mio padre',
  ),
  pt: language(
    'pt',
    'Portuguese',
    'Português',
    'BR BR PT',
    ' ',
    'O Segredo|A Última Canção|O Verão|As Filhas|O Ladrão|Uma Noite|A Sombra|O Coração',
    'do Sertão|de São João|sem Fim|da Praia|de Ninguém|das Estrelas|do Avô|na Estação',
  ),
  ja: language(
    'ja',
    'Japanese',
    '日本語',
    'JP',
    'の',
    '真夜中|夏|猫|星空|最後|秘密|東京|雨|機械|海辺|幽霊|銀河',
    '約束|物語|探偵|庭園|列車|図書館|旅人|歌|手紙|侍|料理人|ロボット',
  ),
  ko: language(
    'ko',
    'Korean',
    '한국어/조선말',
    'KR',
    '의 ',
    '한밤|여름|마지막 소녀|서울|그림자|바다|형사|비밀|봄날|고양이',
    '약속|노래|편지|도시|귀환|식탁|기억|전설|탐정|왕국',
  ),
  zh: language(
    'zh',
    'Mandarin',
    '普通话',
    'CN CN CN TW HK',
    '之',
    '长江|月光|风云|少年|红灯笼|大漠|龙门|春天|夜上海|机器',
    '歌|谜|王|恋|传说|旅人|秘密|火|家|战',
  ),
  cn: language(
    'cn',
    'Cantonese',
    '广州话 / 廣州話',
    'HK',
    '',
    '英雄|神探|醉拳|九龍|午夜|功夫|雙城|無間',
    '本色|風雲|奇兵|大廚|迷情|傳奇|快車|兄弟',
  ),
  ru: language(
    'ru',
    'Russian',
    'Pусский',
    'RU RU KZ',
    ' ',
    'Тайна|Последняя ночь|Песня|Возвращение|Дочь|Тень|Зима|Дорога|Сердце|Ёлка',
    'старого леса|без конца|капитана|над рекой|моего деда|в Казани|на краю света|маяка|у моря|пяти сестёр',
  ),
  ar: language(
    'ar',
    'Arabic',
    'العربية',
    'EG EG LB MA SA',
    ' ',
    'سر|ليلة|حكاية|ظل|بنت|طريق|قلب|شارع',
    'المدينة|البحر|القمر|الصحراء|الملك|الحارة|النيل|الشمس',
  ),
  hi: language(
    'hi',
    'Hindi',
    'हिन्दी',
    'IN',
    ' का ',
    'दिल|शहर|रात|जंगल|सपनों|गाँव|राजा|मुंबई',
    'राज़|सफ़र|चोर|इंसाफ़|खेल|बादशाह|वादा|तूफ़ान',
  ),
  ta: language('ta', 'Tamil', 'தமிழ்', 'IN', ' ', 'மழை|காதல்|நிலா|வீரன்|சென்னை', 'பயணம்|கதை|இரவு|ராஜா|பாடல்'),
  sv: language(
    'sv',
    'Swedish',
    'svenska',
    'SE',
    ' ',
    'Flickan|Mannen|Sommaren|Huset|Hästen',
    'på ön|vid ån|från Växjö|utan namn|i snön',
  ),
  pl: language(
    'pl',
    'Polish',
    'Polski',
    'PL',
    ' ',
    'Ostatnia noc|Córka|Złoto|Cień|Powrót',
    'z Łodzi|nad Wisłą|króla|w górach|bez końca',
  ),
  tr: language(
    'tr',
    'Turkish',
    'Türkçe',
    'TR',
    ' ',
    'İstanbul|Gece|Kış|Deniz|Köy',
    'Masalı|Şarkısı|Yolcusu|Güneşi|Işığı',
  ),
  xh: language('xh', 'Xhosa', '', 'ZA', ' ', 'Umculo|Indlela|Ubusuku', 'weAfrika|yaselwandle|wothando'),
} as const;

/** As on the recorded lists of 2026, except that scripts that are rare there are more common here. */
export const pickLanguage = weighted<Language>([
  [english, 68],
  [foreign.es, 4.5],
  [foreign.fr, 4.5],
  [foreign.ja, 4],
  [foreign.de, 2.9],
  [foreign.ko, 2.6],
  [foreign.zh, 2],
  [foreign.it, 1.8],
  [foreign.hi, 1.5],
  [foreign.pt, 1.2],
  [foreign.ru, 1],
  [foreign.cn, 0.7],
  [foreign.sv, 0.6],
  [foreign.ar, 0.6],
  [foreign.ta, 0.5],
  [foreign.tr, 0.5],
  [foreign.pl, 0.4],
  [foreign.xh, 0.1],
]);

/** English names in TMDb's spelling. */
export const countryNames: Readonly<Record<string, string>> = {
  AR: 'Argentina',
  AT: 'Austria',
  AU: 'Australia',
  BE: 'Belgium',
  BR: 'Brazil',
  CA: 'Canada',
  CH: 'Switzerland',
  CL: 'Chile',
  CN: 'China',
  DE: 'Germany',
  EG: 'Egypt',
  ES: 'Spain',
  FR: 'France',
  GB: 'United Kingdom',
  HK: 'Hong Kong',
  IE: 'Ireland',
  IN: 'India',
  IT: 'Italy',
  JP: 'Japan',
  KR: 'South Korea',
  KZ: 'Kazakhstan',
  LB: 'Lebanon',
  MA: 'Morocco',
  MX: 'Mexico',
  NZ: 'New Zealand',
  PL: 'Poland',
  PT: 'Portugal',
  RU: 'Russia',
  SA: 'Saudi Arabia',
  SE: 'Sweden',
  TR: 'Turkey',
  TW: 'Taiwan',
  US: 'United States of America',
  ZA: 'South Africa',
};
