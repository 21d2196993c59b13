import { describe, expect, it } from "vitest";
import { digest, reading } from "./reading.ts";

const { read, references, places, locked, refused } = reading("dockerfile");

const whole = `# syntax=docker/dockerfile:1.7
# escape=\\

# A comment.
ARG BASE=alpine
ARG TAG="3.20" OTHER
FROM --platform=$BUILDPLATFORM golang:1.22 AS Build
RUN --mount=type=cache,target=/root \\
    # FROM commented:1
    --mount=type=bind,from=registry.example.test:5000/tools:2,target=/t \\

    --mount=from=build0,target=/x make
FROM \${BASE}:$TAG as run
COPY --from=build --chown=0:0 /a /a
COPY --chmod=755 --from=0 /a /b
COPY --from=busybox:1.36 ["/bin/sh", "/sh"]
ADD a.tar /
ONBUILD COPY . /src
FROM scratch
FROM run
`;

describe("images of a Dockerfile", () => {
  it("are named with their places and lines", async () => {
    expect(await places(whole)).toEqual([
      "1 syntax",
      "7 FROM",
      "10 RUN --mount from",
      "12 RUN --mount from",
      "13 FROM",
      "16 COPY --from",
    ]);
  });

  it("are replaced where they stand, and nothing else changes", async () => {
    expect(await locked(whole)).toBe(
      whole
        .replace("dockerfile:1.7", `dockerfile:1.7@${digest}`)
        .replace("golang:1.22", `golang:1.22@${digest}`)
        .replace("tools:2", `tools:2@${digest}`)
        .replace("from=build0", `from=build0@${digest}`)
        .replace(`\${BASE}:$TAG`, `alpine:3.20@${digest}`)
        .replace("busybox:1.36", `busybox:1.36@${digest}`),
    );
  });

  it.each([
    ["in any case of the keyword", "from a\nFrom b\n", ["a", "b"]],
    ["with CRLF", "FROM a \\\r\n  AS x\r\nFROM b\r\n", ["a", "b"]],
    ["behind a byte order mark", "\uFEFF# syntax=s\nFROM a\n", ["s", "a"]],
    ["behind a continuation", "FROM \\\n  # comment\n\n  --platform=linux/amd64 \\\n a\n", ["a"]],
    ["with a backtick that continues", "# escape=`\nFROM a `\n AS x\nRUN dir C:\\\nFROM b\n", ["a", "b"]],
    ["with tabs", "\tFROM\ta\tAS\tx\n", ["a"]],
    [
      "but for stages, in any case",
      "FROM a AS Base\nFROM base\nFROM BASE AS c\nCOPY --from=BASE a b\nCOPY --from=bAse a b\n",
      ["a"],
    ],
    ["which have the name of a later stage", "FROM b\nFROM a AS b\n", ["b", "a"]],
    ["which have the name of their own stage", "FROM a AS a\nFROM a\n", ["a"]],
    ["but for scratch", "FROM scratch\nCOPY --from=scratch a b\n", []],
    ["but for numbers of stages", "FROM a\nFROM b\nCOPY --from=0 a b\n", ["a", "b"]],
    ["with a mount in capitals", "FROM a\nRUN --mount=Type=bind,FROM=b,target=/x true\n", ["a", "b"]],
    ["with a flag in quotes that names none", 'FROM a\nCOPY --chown="$U:$G" --from=b x y\n', ["a", "b"]],
    [
      "not where an instruction only carries the word",
      'FROM a\nRUN echo FROM b \\\n  && echo \\\nFROM c\nLABEL x="FROM d"\n',
      ["a"],
    ],
    ["not in comments", "FROM a\n# FROM b\n  # FROM c\n", ["a"]],
    ["with a syntax comment that is not at the top", "# hello\n# syntax=s\nFROM a\n", ["a"]],
    ["with a syntax comment behind a blank line", "\n# syntax=s\nFROM a\n", ["a"]],
    ["with a syntax directive behind others", "#check=skip=all\n#  Syntax  =  s  \nFROM a\n", ["s", "a"]],
  ])("are found %s", async (_, text, expected) => {
    expect(await references(text)).toEqual(expected);
  });

  it.each([
    ["a heredoc", "RUN <<EOF\nFROM b\nEOF\n"],
    ["two heredocs", "COPY <<one <<two /x/\nFROM b\none\nFROM c\ntwo\n"],
    ["a heredoc in quotes", "RUN cat <<'EOF' > \"$x\"\nFROM b\nEOF\n"],
    ["a heredoc that ends behind tabs", "RUN <<-EOF\n\tFROM b\n\tEOF\n"],
    ["a heredoc with flags", "RUN --network=none python3 <<EOF\nFROM b \\\nEOF\n"],
    ["a heredoc of a trigger", "ONBUILD RUN <<EOF\nFROM b\nEOF\n"],
  ])("are not found in %s", async (_, text) => {
    expect(await references(`FROM a\n${text}FROM z\n`)).toEqual(["a", "z"]);
  });

  it.each([
    ["a here-string", "RUN cat <<<EOF\n"],
    ["quotes", 'RUN echo "a << b"\n'],
    ["a list", 'RUN ["echo", "<<EOF"]\n'],
    ["a word", "RUN cat<<EOF\n"],
    ["another instruction", "CMD cat <<EOF\n"],
  ])("are found behind << that opens no heredoc: %s", async (_, text) => {
    expect(await references(`FROM a\n${text}FROM b\n`)).toEqual(["a", "b"]);
  });

  it("have no case in the name of a stage that later files could see", async () => {
    expect((await read("FROM a AS One\nFROM ONE\n")).images).toHaveLength(1);
  });
});

describe("variables of FROM", () => {
  it.each([
    ["$X", "ARG X=a\n", {}, "a"],
    [`\${X}:1`, "ARG X=a\n", {}, "a:1"],
    [`\${X:-b}`, "ARG X\n", {}, "b"],
    [`\${X-b}`, "ARG X=\n", {}, undefined],
    [`\${X:-b}`, "ARG X=\n", {}, "b"],
    [`a\${X:+:1}`, "ARG X=y\n", {}, "a:1"],
    [`a\${X:+:1}`, "ARG X\n", {}, "a"],
    [`a\${X+:1}`, "ARG X=\n", {}, "a:1"],
    [`\${X:?no}`, "ARG X=a\n", {}, "a"],
    ["$X", "ARG X=a\n", { X: "b" }, "b"],
    ["$X", "ARG X\n", { X: "b" }, "b"],
    ["$Y", `ARG X=a\nARG Y=\${X}:2\n`, { X: "c" }, "c:2"],
    ["$Y", "ARG X='$Z' Y=\"a\"\n", {}, "a"],
    ["$Y", "ARG X=a Y=$X\n", {}, "a"],
    [`\${X:-\${Y:-c}}`, "ARG X\n", {}, "c"],
    ["$TARGETARCH", "", { TARGETARCH: "amd64" }, "amd64"],
  ])("%s is resolved behind %j with %j", async (from, args, given, expected) => {
    const text = `${args}FROM ${from}\n`;
    if (expected === undefined) await refused(text, "INPUT_INVALID", 2, given);
    else expect(await references(text, given)).toEqual([expected]);
  });

  it.each([
    ["not declared", "FROM $X\n", 1],
    ["given, but not declared", "FROM $GIVEN\n", 1],
    ["without a value", "ARG X\nFROM a:$X\n", 2],
    ["demanded", `ARG X\nFROM \${X:?no}\n`, 2],
    ["of the platform", "FROM a:$TARGETARCH\n", 1],
    ["of the platform, with a default", "ARG TARGETARCH=amd64\nFROM a:$TARGETARCH\n", 2],
    ["of the platform, in another", "ARG X=a-$BUILDOS\nFROM a:$X\n", 2],
    ["of the platform, with a word", `FROM a:\${TARGETARCH:-x}\n`, 1],
    ["of a stage", "FROM a\nARG X=b\nFROM $X\n", 3],
    ["escaped", "ARG X=a\\b\nFROM $X\n", 2],
    ["quoted in the middle", "ARG X=a'b'\nFROM $X\n", 2],
    ["cut", `ARG X=a\nFROM \${X#a}\n`, 2],
    ["replaced", `ARG X=a\nFROM \${X/a/b}\n`, 2],
    ["numbered", "FROM a$1\n", 1],
    ["doubled", "FROM a$$\n", 1],
    ["not closed", `ARG X=a\nFROM \${X\n`, 2],
    ["nested too deep", `FROM ${`\${X:-`.repeat(20)}a${"}".repeat(20)}\n`, 1],
  ])("are refused: %s", async (_, text, line) => {
    await refused(text, "VARIABLE", line, { GIVEN: "a" });
  });
});

describe("a stage that a variable chooses", () => {
  const text = `ARG MODE=release
FROM a AS build-release
FROM b AS build-debug
FROM --platform=linux/amd64 build-$MODE AS built
FROM \${MODE}
`;

  it("is no image, and is written out, so that no argument makes it one", async () => {
    expect(await references(text, { MODE: "Release" })).toEqual(["a", "b", "Release"]);
    expect(await locked(text)).toBe(
      text
        .replace("FROM a", `FROM a@${digest}`)
        .replace("FROM b", `FROM b@${digest}`)
        .replace("build-$MODE", "build-release")
        .replace(`\${MODE}`, `release@${digest}`),
    );
    expect(await locked(text, { MODE: "debug" })).toContain("linux/amd64 build-debug AS built");
  });

  it.each([
    ["is a later one", "ARG X=b\nFROM $X\nFROM a AS b\n", ["b", "a"]],
    ["is the stage itself", "ARG X=b\nFROM $X AS b\n", ["b"]],
    ["has no earlier one of that name", "ARG X=b\nFROM a AS c\nFROM $X\n", ["a", "b"]],
  ])("is an image where it %s", async (_, other, expected) => {
    expect(await references(other)).toEqual(expected);
    expect((await read(other)).written).toEqual([]);
  });

  it("may be scratch, which is nothing", async () => {
    expect(await locked("ARG X=scratch\nFROM $X\n")).toBe("ARG X=scratch\nFROM scratch\n");
  });

  it("is refused where it is split over lines", async () => {
    await refused("ARG X=b\nFROM a AS b\nFROM $\\\nX\n", "INPUT_INVALID", 3);
  });

  it("is not taken by COPY --from and mounts, to which builders give no variables", async () => {
    await refused("ARG X=b\nFROM a AS b\nFROM c\nCOPY --from=$X x y\n", "INPUT_INVALID", 4);
    await refused("ARG X=b\nFROM a AS b\nFROM c\nRUN --mount=from=$X,target=/x true\n", "INPUT_INVALID", 4);
  });
});

describe("a Dockerfile is refused", () => {
  it.each([
    ["without FROM", "ARG X\n", 1],
    ["that is empty", "", 1],
    ["with something before FROM", "RUN true\nFROM a\n", 1],
    ["with an unknown instruction", "FROM a\nFORM b\n", 2],
    ["with an instruction in look-alike letters", "FRОM a\nFROM b\n", 1],
    ["with a no-break space behind FROM", "FROM\u00a0a\n", 1],
    ["with a no-break space before FROM", "FROM a\n\u00a0FROM b\n", 2],
    ["with a vertical tab", "FROM a\n\vFROM b\n", 2],
    ["with a NUL", "FROM a\0\n", 1],
    ["with a lone carriage return", "FROM a\rFROM b\n", 1],
    ["with an image in quotes", 'FROM "a"\n', 1],
    ["with an image that is escaped", "FROM a\\b\n", 1],
    ["with an image over two lines", "FROM a\\\nb\n", 1],
    ["with too many words", "FROM a b\n", 1],
    ["with a bad name of a stage", "FROM a AS 1\n", 1],
    ["with a word that is not AS", "FROM a IS b\n", 1],
    ["with an unknown flag of FROM", "FROM --from=b a\n", 1],
    ["with an unknown flag of ADD", "FROM a\nADD --from=b x y\n", 2],
    ["with an unknown flag of RUN", "FROM a\nRUN --from=b true\n", 2],
    ["with --from twice", "FROM a\nCOPY --from=b --from=c x y\n", 2],
    ["with --from empty", "FROM a\nCOPY --from= x y\n", 2],
    ["with --from in quotes", 'FROM a\nCOPY --from="b" x y\n', 2],
    ["with --from escaped", "FROM a\nCOPY --from=\\b x y\n", 2],
    ["with --from as a variable", "ARG X=a\nFROM $X\nCOPY --from=$X x y\n", 3],
    ["with --from as the stage itself", "FROM a AS b\nCOPY --from=b x y\n", 2],
    ["with --from as a later stage", "FROM a\nCOPY --from=b x y\nFROM c AS b\n", 2],
    ["with --from as its own number", "FROM a\nCOPY --from=0 x y\n", 2],
    ["with --from as a number with a sign", "FROM a\nFROM b\nCOPY --from=+0 x y\n", 3],
    ["with a mount from a number", "FROM a\nFROM b\nRUN --mount=from=0,target=/x true\n", 3],
    ["with a mount from two", "FROM a\nRUN --mount=from=b,from=c,target=/x true\n", 2],
    ["with a mount in quotes", "FROM a\nRUN --mount='type=bind,\"from=b\"' true\n", 2],
    ["with a mount whose key is quoted", 'FROM a\nRUN --mount=fr"om"=b,target=/x true\n', 2],
    ["with a mount from a variable", "FROM a\nRUN --mount=from=$B,target=/x true\n", 2],
    ["with a flag that is not ASCII", "FROM a\nCOPY --chown=à x y\n", 2],
    ["with a flag whose quote does not end", 'FROM a\nCOPY --chown="b x y\n', 2],
    ["with a trigger that copies from another", "FROM a\nONBUILD COPY --from=b x y\n", 2],
    ["with a trigger that mounts another", "FROM a\nONBUILD RUN --mount=from=b,target=/x true\n", 2],
    ["with a trigger FROM", "FROM a\nONBUILD FROM b\n", 2],
    ["with a trigger of a trigger", `FROM a\n${"ONBUILD ".repeat(5_000)}RUN true\n`, 2],
    ["with a heredoc that does not end", "FROM a\nRUN <<EOF\nFROM b\n", 2],
    ["with a heredoc of an odd name", 'FROM a\nRUN <<E"O"F\nEOF\n', 2],
    ["with a shift that looks like a heredoc", "FROM a\nRUN echo $((1 << 2))\nFROM b\n", 2],
    ["with a quote that does not end before <<", "FROM a\nRUN echo it's <<EOF\nFROM b\nEOF\n", 2],
    ["with a heredoc and an odd variable", `FROM a\nRUN \${X:-"} <<EOF\nFROM b\nEOF\n`, 2],
    ["with a list that is none before <<", "FROM a\nRUN [ -f x ] <<EOF\nFROM b\nEOF\n", 2],
    ["whose last line is continued", "FROM a \\\n", 1],
    ["with an escaped escape at the end of a line", "FROM a\nRUN echo \\\\\nFROM b\n", 3],
    ["with a heredoc inside of quotes", 'FROM a\nRUN echo "x <<EOF"\nFROM b\n', 3],
    ["with an escape character that is none", "# escape=x\nFROM a\n", 1],
    ["with a syntax directive twice", "# syntax=a\n# syntax=b\nFROM a\n", 2],
    ["with an indented syntax directive", " # syntax=s\nFROM a\n", 1],
    ["with a syntax directive behind an unknown one", "# x=y\n# syntax=s\nFROM a\n", 2],
    ["with a check directive without a value", "# check=\n# syntax=s\nFROM a\n", 1],
    ["with a syntax directive of two words", "# syntax=s cmd\nFROM a\n", 1],
    ["with a syntax directive that is no reference", "# syntax=$x\nFROM a\n", 1],
    ["with a syntax directive behind slashes", "// syntax=s\nFROM a\n", 1],
    ["with a syntax directive in JSON", '{"syntax": "s"}\n', 1],
    ["with a shebang", "#!/usr/bin/env x\n# syntax=s\nFROM a\n", 1],
    ["with an instruction that is too long", `FROM a\nRUN ${`${"x".repeat(60_000)}\\\n`.repeat(3)}\n`, 2],
    ["with a line that is too long", `FROM a\nRUN ${"x".repeat(65_536)}\n`, 2],
  ])("%s", async (_, text, line) => {
    await refused(text, "INPUT_INVALID", line);
  });

  it("with too many instructions", async () => {
    await expect(references(`FROM a\n${"RUN x\n".repeat(10_001)}`)).rejects.toMatchObject({
      code: "INPUT_INVALID",
    });
  });
});
