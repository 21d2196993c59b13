import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Row, rowsOfDump } from "../../../src/moving/databases/dump.ts";
import { DatabaseError } from "../../../src/moving/databases/errors.ts";

const table = { name: "things", of: "signer", columns: ["id", "blob", "gone"] } as const;
type Column = (typeof table.columns)[number];

const head = "-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)\n--\n";
const create = [
  "/*!40101 SET @saved_cs_client = @@character_set_client */;",
  "DROP TABLE IF EXISTS `things`;",
  "CREATE TABLE `things` (",
  "  `id` int(11) NOT NULL AUTO_INCREMENT COMMENT 'a; b',",
  "  `note` varchar(255) DEFAULT ',(',",
  "  `blob` longblob NOT NULL,",
  "  `gone` datetime DEFAULT NULL,",
  "  PRIMARY KEY (`id`),",
  "  UNIQUE KEY `note` (`note`,`id`)",
  ") ENGINE=InnoDB;",
  "LOCK TABLES `things` WRITE;",
  "",
].join("\n");
const foot = "UNLOCK TABLES;\n\n-- Dump completed on 2026-11-30  6:12:05\n";

function whole(inserts: string | Buffer): Buffer {
  return Buffer.concat([Buffer.from(head + create), Buffer.from(inserts), Buffer.from(`\n${foot}`)]);
}

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

async function read(bytes: Buffer, size = 65_536): Promise<readonly Row<Column>[]> {
  const rows: Row<Column>[] = [];
  for await (const row of rowsOfDump(pieces(bytes, size), table)) rows.push(row);
  return rows;
}

const plain = (rows: readonly Row<Column>[]) =>
  rows.map((row) => [...row.values()].map((value) => value?.toString("latin1") ?? null));

async function codeOf(reading: Promise<unknown>): Promise<string> {
  try {
    await reading;
  } catch (error) {
    if (error instanceof DatabaseError) return error.code;
    throw error;
  }
  return "none";
}

/** As mysqldump writes a blob between quotes. */
function escaped(bytes: Uint8Array): Buffer {
  const special = new Map([
    [0x00, "\\0"],
    [0x0a, "\\n"],
    [0x0d, "\\r"],
    [0x1a, "\\Z"],
    [0x22, '\\"'],
    [0x27, "\\'"],
    [0x5c, "\\\\"],
  ]);
  return Buffer.concat([...bytes].map((byte) => Buffer.from(special.get(byte) ?? [byte])));
}

describe("a dump", () => {
  it("gives the wanted columns of every row of its table, in order", async () => {
    const rows = await read(
      whole("INSERT INTO `things` VALUES (1,'n','one',NULL),(2,NULL,_binary 'two','2026-11-30 06:00:00');"),
    );
    expect(plain(rows)).toEqual([
      ["1", "one", null],
      ["2", "two", "2026-11-30 06:00:00"],
    ]);
  });

  it.each([
    ["hexadecimal values", "INSERT INTO `things` VALUES (1,'n',0x6F6E65,NULL);"],
    ["quoted hexadecimal values", "INSERT INTO `things` VALUES (1,'n',X'6f6e65',NULL);"],
    ["a list of columns", "INSERT INTO `things` (`gone`, `blob`, `id`) VALUES (NULL,'one',1);"],
    ["REPLACE", "REPLACE INTO `things` VALUES (1,'n','one',NULL);"],
    ["INSERT IGNORE", "INSERT IGNORE INTO `things` VALUES (1,'n','one',NULL);"],
    ["bare names", "INSERT INTO things VALUES (1,'n','one',NULL);"],
    ["names of the standard", "INSERT INTO \"things\" VALUES (1,'n','one',NULL);"],
    ["a statement over several lines", "INSERT INTO `things` VALUES\n(1,'n','one',NULL)\n;"],
  ])("is read with %s", async (_, insert) => {
    expect(plain(await read(whole(insert)))).toEqual([["1", "one", null]]);
  });

  it("says the same in whichever pieces it comes", async () => {
    const bytes = whole(
      "INSERT INTO `things` VALUES (1,'it''s','\\'a\\\\\\n\\0',NULL),(-2,'--','/* no */',NULL);",
    );
    const at = plain(await read(bytes));
    expect(at).toEqual([
      ["1", "'a\\\n\0", null],
      ["-2", "/* no */", null],
    ]);
    for (let size = 1; size <= 40; size++) expect(plain(await read(bytes, size))).toEqual(at);
  });

  it("gives every byte string back that was put in, escaped or in hexadecimal", async () => {
    const property = fc.asyncProperty(
      fc.uint8Array({ maxLength: 300 }),
      fc.integer({ min: 1, max: 64 }),
      async (blob, size) => {
        const inserts = Buffer.concat([
          Buffer.from("INSERT INTO `things` VALUES (1,'',_binary '"),
          escaped(blob),
          Buffer.from(
            `',NULL),(2,'',${blob.length === 0 ? "''" : `0x${Buffer.from(blob).toString("hex")}`},NULL);`,
          ),
        ]);
        const rows = await read(whole(inserts), size);
        for (const row of rows) expect(row.get("blob")).toEqual(Buffer.from(blob));
        expect(rows).toHaveLength(2);
      },
    );
    await fc.assert(property, { numRuns: 200 });
  });

  it("passes over other tables, whatever is in them", async () => {
    const other =
      "CREATE TABLE `other` (`a` int);\nINSERT INTO `other` VALUES ('INSERT INTO `things` VALUES (9);');\n";
    const rows = await read(whole(`${other}INSERT INTO \`things\` VALUES (1,'n','one',NULL);`));
    expect(plain(rows)).toEqual([["1", "one", null]]);
  });

  it("of which any part is missing at the end is half of one", async () => {
    const bytes = whole("INSERT INTO `things` VALUES (1,'n','one',NULL),(2,'n','-- Dump completed',NULL);");
    for (let length = 0; length < bytes.length - foot.length + 20; length++) {
      expect([await codeOf(read(bytes.subarray(0, length))), length]).toEqual(["DUMP_CUT_OFF", length]);
    }
  });

  it("after which another one begins must have ended", async () => {
    const one = Buffer.from(`${head}${create}`);
    const two = Buffer.from(`${head}CREATE TABLE \`other\` (\`a\` int);\n${foot}`);
    expect(await codeOf(read(Buffer.concat([one, two])))).toBe("DUMP_CUT_OFF");
    expect(await codeOf(read(Buffer.concat([whole(""), two])))).toBe("none");
  });

  it("without the table, or without its columns, is somebody else's", async () => {
    expect(await codeOf(read(Buffer.from(`${head}${foot}`)))).toBe("DATABASE_FOREIGN");
    const narrow = `${head}CREATE TABLE \`things\` (\`id\` int, \`blob\` blob);\n${foot}`;
    expect(await codeOf(read(Buffer.from(narrow)))).toBe("DATABASE_FOREIGN");
    const fewer = "INSERT INTO `things` (`id`,`blob`) VALUES (1,'one');";
    expect(await codeOf(read(whole(fewer)))).toBe("DATABASE_FOREIGN");
  });

  it.each([
    ["too few values", "INSERT INTO `things` VALUES (1,'n','one');"],
    ["too many values", "INSERT INTO `things` VALUES (1,'n','one',NULL,NULL);"],
    ["an expression", "INSERT INTO `things` VALUES (1,'n',LOAD_FILE('/etc/passwd'),NULL);"],
    ["a word for a value", "INSERT INTO `things` VALUES (1,'n',one,NULL);"],
    ["half a hexadecimal pair", "INSERT INTO `things` VALUES (1,'n',0xABC,NULL);"],
    ["what is no hexadecimal digit", "INSERT INTO `things` VALUES (1,'n',0xABG1,NULL);"],
    ["what is no hexadecimal digit between quotes", "INSERT INTO `things` VALUES (1,'n',x'zz',NULL);"],
    ["rows from elsewhere", "INSERT INTO `things` SELECT * FROM `other`;"],
    [
      "a clause after the rows",
      "INSERT INTO `things` VALUES (1,'n','one',NULL) ON DUPLICATE KEY UPDATE id=1;",
    ],
    ["the table twice", create],
    ["a number without an end", `INSERT INTO \`things\` VALUES (${"1".repeat(300)},'n','one',NULL);`],
  ])("with %s is refused", async (_, statement) => {
    expect(await codeOf(read(whole(statement)))).toBe("DUMP_MALFORMED");
  });

  it("with a value beyond all bounds is refused before it is held", async () => {
    async function* endless(): AsyncGenerator<Buffer> {
      yield Buffer.from(`${head}${create}INSERT INTO \`things\` VALUES (1,'n','`);
      const piece = Buffer.alloc(1_048_576, "x");
      for (let count = 0; count < 200; count++) yield piece;
    }
    const reading = (async () => {
      for await (const row of rowsOfDump(endless(), table)) void row;
    })();
    expect(await codeOf(reading)).toBe("DUMP_MALFORMED");
  });

  it("with a row beyond all bounds is refused, whatever is in columns that nobody wants", async () => {
    const dump = whole(`INSERT INTO \`things\` VALUES (1,'${"n".repeat(500)}','${"b".repeat(99)}',NULL);`);
    const within = async (testingOnlyLargestRow: number) => {
      const rows: Row<Column>[] = [];
      const bound = { testingOnlyLargestRow };
      for await (const row of rowsOfDump(pieces(dump, 1_000), table, bound)) rows.push(row);
      return plain(rows);
    };
    expect(await within(100)).toEqual([["1", "b".repeat(99), null]]);
    expect(await codeOf(within(99))).toBe("DUMP_MALFORMED");
  });

  it("that is anything at all gives rows or a refusal", async () => {
    const bits = fc.constantFrom(
      "INSERT INTO `things` VALUES ",
      "(",
      ")",
      ",",
      ";",
      "'",
      "\\",
      "`",
      "--",
      "/*",
      "*/",
      "0x",
      "x",
      "NULL",
      "1",
      "\n",
      "CREATE TABLE ",
    );
    const property = fc.asyncProperty(fc.array(bits, { maxLength: 60 }), async (words) => {
      expect(["none", "DUMP_CUT_OFF", "DUMP_MALFORMED", "DATABASE_FOREIGN"]).toContain(
        await codeOf(read(whole(words.join("")), 7)),
      );
    });
    await fc.assert(property, { numRuns: 300 });
  });
});
