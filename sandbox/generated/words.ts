const words = (text: string): readonly string[] => text.split('|').map((word) => word.trim().replace(/\s+/g, ' '));

/** English words that can be combined freely. */
export const adjectives = words(
  `Accidental|Ancient|Bashful|Borrowed|Brazen|Broken|Burning|Careless|Clockwork|Cold|Crimson|Crooked|Curious|Dangerous|
  Distant|Drowsy|Electric|Emerald|Endless|Fearless|Final|Forgotten|Fragile|Frozen|Gentle|Gilded|Golden|Grumpy|Haunted|
  Hidden|Hollow|Honest|Hungry|Impossible|Invisible|Iron|Jealous|Last|Little|Lonely|Lost|Lucky|Magnetic|Midnight|Nervous|
  Obedient|Paper|Patient|Perfect|Polite|Quiet|Reckless|Reluctant|Restless|Salty|Scarlet|Second|Secret|Seventh|Silent|
  Silver|Sleepless|Stolen|Stubborn|Sunken|Thirteenth|Unlikely|Velvet|Wandering|Weightless|Wicked|Winter`,
);

export const nouns = words(
  `Accordion|Afternoon|Alibi|Anchor|Apprentice|Archivist|Astronaut|Avalanche|Ballroom|Beekeeper|Biscuit|Bridge|Cartographer|
  Casino|Cathedral|Clarinet|Comet|Compass|Cosmonaut|Cousin|Croissant|Detective|Diplomat|Dragon|Dream|Elevator|Empire|
  Engine|Falcon|Ferry|Fiddler|Forest|Fortune|Frontier|Garden|Ghost|Giant|Glacier|Harbour|Harvest|Heist|Horizon|Hotel|
  Inheritance|Island|Janitor|Jungle|Kingdom|Lantern|Librarian|Lighthouse|Lullaby|Machine|Magician|Mango|Map|Mirror|
  Monsoon|Moon|Mountain|Neighbour|Nightingale|Oracle|Orchard|Otter|Parade|Pelican|Phantom|Piano|Pilot|Pirate|Planet|
  Postman|Promise|Puppet|Queen|Railway|Rebellion|River|Robot|Runaway|Saint|Samurai|Satellite|Scarecrow|Secret|Shadow|
  Signal|Sorcerer|Sparrow|Spy|Storm|Submarine|Summer|Tailor|Teapot|Thief|Tiger|Toaster|Treasure|Tuba|Umbrella|Violin|
  Volcano|Voyage|Waltz|Whale|Widow|Wolf|Zeppelin`,
);

export const places = words(
  `Alabaster Bay|Antarctica|Bologna|Bratislava|Buenos Aires|Cape Dismal|Castle Rook|Dakar|Dresden|Far Harbour|Galway|
  Glasgow|Hanoi|Havana|Hokkaido|Istanbul|Jaipur|Jupiter|Kansas|Kathmandu|Lagos|Lisbon|Little Wallop|Madagascar|Marseille|
  Mars|Montevideo|Nebraska|Nowhere|Oslo|Palermo|Patagonia|Reykjavík|Rotterdam|Saint-Malo|Samarkand|São Paulo|Seville|
  Sunset Street|Tangier|the Abyss|the Attic|the Baltic|the Deep South|the Orient Express|the Seven Seas|
  the Third Floor|Timbuktu|Trieste|Valparaíso|Vladivostok|Wellington|Zürich`,
);

export const people = words(
  `Ada|Agnes|Amadou|Anouk|Beatriz|Benedikt|Bruno|Carmen|Cosimo|Dagny|Dmitri|Edith|Elif|Emeka|Farid|Fleur|Gustav|Harriet|
  Hiroshi|Ida|Ines|Ivo|Jamal|Josephine|Kavita|Kenji|Lars|Lucía|Magnus|Mei|Mirela|Nadia|Ngozi|Olga|Oscar|Otto|Pilar|Priya|
  Quentin|Rosalind|Rufus|Sanjay|Sigrid|Søren|Tariq|Tomasz|Ursula|Viktor|Wanda|Xiulan|Yusuf|Zelda`,
);

/** Occupations, with their article, as the subject of a sentence. */
export const heroes = words(
  `a retired safecracker|a lighthouse keeper's daughter|an insomniac watchmaker|a disgraced chess champion|
  an overworked translator|a rookie coast guard|a stubborn beekeeper|a small-town pharmacist|a failed opera singer|
  an ageing stunt double|a nervous archivist|a runaway apprentice|a widowed ferry captain|a cheerful forger|
  a ship's cook with a past|the last tram driver of the city|a teenage cartographer|an astronaut nobody remembers|
  a schoolteacher on unpaid leave|a detective afraid of the dark|a travelling piano tuner|the quieter of two sisters|
  a band of amateur thieves|a robot built to make toast|an exiled duchess|a war correspondent|a village postman`,
);

/** Events in a story, in the present tense, without `has to`, `must` and similar words. */
export const troubles = words(
  `inherits a house that is not on any map|receives a letter that was posted forty years ago|witnesses a crime through a
  borrowed telescope|is mistaken for the heir to a biscuit empire|finds a door at the bottom of a swimming pool|wakes up in a
  city where nobody sleeps|loses everything in a single game of cards|is asked to steal a painting that does not exist|
  discovers that the neighbours have been rehearsing|agrees to drive an old rival across the continent|is haunted by a very
  polite ghost|must deliver a tuba before sunrise|hears a voice on a frequency that was switched off long ago|stumbles upon
  a plan to move the sea|takes the wrong train on the right day|is given seven days to repay a debt of honour|befriends the
  monster that everybody is hunting|returns home for a funeral and finds the guest of honour alive`,
);

export const turns = words(
  `Soon nobody can be trusted, least of all the family.|The only way out leads through the one place nobody returns from.|
  But an old promise is harder to break than any safe.|With winter closing in, the past comes knocking.|What begins as a
  favour ends as a legend.|Meanwhile, a storm gathers over the harbour.|Nothing in the instructions prepared anyone for
  this.|As the clock runs down, friendship is put to the test.|Every answer costs a little more than the last.|The trail
  leads from the opera house to the bottom of the sea.|Between loyalty and survival there is little time to choose.|And then
  the music stops.|Together they find that home is a matter of opinion.|To save the town, someone will have to learn to
  dance.|It would all be simpler if the dead stayed where they were put.|Only one of them knows that the map is a forgery.`,
);

export const taglines = words(
  `Mind the gap.|Some doors stay open.|The sea keeps its receipts.|Trust no one who whistles.|Love is a two-way street with
  roadworks.|He brought a spoon to a gunfight.|She knew the way. That was the problem.|Every family has a floor below.|This
  time the toast is personal.|You can run, but you will be late.|The truth was overdue.|Nobody expects the understudy.|
  Silence has never been this loud.|One night. Nine lives. No refunds.|It only looks like an ending.|Based on a true rumour.|
  Fear is a good listener.|History is written by the hungry.|Somewhere, a kettle is boiling.|The last waltz is free.`,
);

/** Parts of company names. */
export const companyWords = words(
  `Aurora|Badger|Balcony|Bellwether|Blue Door|Bonfire|Brass Hat|Cardamom|Cinder|Copper Kettle|Daydream|Driftwood|
  Echo|Eleventh Hour|Fathom|Fig Tree|First Light|Foghorn|Gondola|Grasshopper|Halfmoon|High Wire|Horseshoe|Ivory Tower|
  Juniper|Kingfisher|Ladder|Lamplight|Lighthouse|Lost Umbrella|Magnolia|Marmalade|Meridian|Moth|Nautilus|Nine Lives|
  North Star|Oak & Ash|Open Sky|Overture|Paper Boat|Parallax|Pinecone|Pocket Watch|Quicksilver|Red Thread|Riverbend|
  Rocket|Sandcastle|Second Breakfast|Skylark|Slow Train|Snowglobe|Tin Whistle|Tumbleweed|Twelve Oaks|Two Left Feet|
  Understudy|Velvet Rope|Wallflower|Weathervane|Wildcat|Windmill|Zephyr`,
);

export const companySuffixes = words(
  `Pictures|Films|Entertainment|Productions|Studios|Media|Film Group|Filmed Entertainment|Cinema|Motion Pictures|
  Animation|Film Fund|Partners|Television|International`,
);
