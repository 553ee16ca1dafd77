import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.zip.GZIPOutputStream;

/**
 * Writes a log whose errors have stack traces, as NAME.log and NAME.log.gz: FOLDER NAME BYTES KIND. Of the kind "crlf" its
 * lines end with CR and LF; of "deep" some traces are those of an endless recursion, which are longer than a chunk.
 * Prints how many events it has.
 */
public class Shop {
    private static final Random RANDOM = new Random(7);

    private static void pay(int order, int depth) {
        if (depth > 0) {
            List.of(order).forEach(same -> pay(same, depth - 1));
            return;
        }
        try {
            connect(order);
        } catch (UncheckedIOException e) {
            throw new IllegalStateException("order " + order + " cannot be paid:\n  no card\n\n  try again", e);
        }
    }

    private static void connect(int order) {
        IOException refused = new IOException("Verbindung verweigert: \u94f6\u884c " + order);
        refused.addSuppressed(new InterruptedException());
        throw new UncheckedIOException(refused);
    }

    private static int recurse(int order) {
        return recurse(order + 1) + 1;
    }

    private static String trace(Throwable thrown) {
        StringWriter text = new StringWriter();
        thrown.printStackTrace(new PrintWriter(text, true));
        return text.toString();
    }

    public static void main(String[] args) throws IOException {
        Path log = Path.of(args[0], args[1] + ".log");
        int bytes = Integer.parseInt(args[2]);
        boolean deep = args[3].equals("deep");
        StringBuilder text = new StringBuilder();
        int events = 0;
        while (text.length() < bytes) {
            events++;
            String begin = String.format("2026-11-22 10:%02d:%02d,%03d ", events / 60000 % 60, events / 1000 % 60, events % 1000);
            int kind = RANDOM.nextInt(deep ? 400 : 8);
            if (kind > 0) {
                text.append(begin).append("INFO [main] Shop - order ").append(events).append(" is paid\n");
                continue;
            }
            text.append(begin).append("ERROR [main] Shop - order ").append(events).append(" failed\n");
            try {
                if (deep) {
                    recurse(events);
                } else {
                    pay(events, RANDOM.nextInt(6));
                }
            } catch (IllegalStateException | StackOverflowError e) {
                text.append(trace(e));
            }
        }
        String whole = args[3].equals("crlf") ? text.toString().replace("\n", "\r\n") : text.toString();
        byte[] utf8 = whole.getBytes(StandardCharsets.UTF_8);
        Files.write(log, utf8);
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        try (GZIPOutputStream gzip = new GZIPOutputStream(packed)) {
            gzip.write(utf8);
        }
        Files.write(Path.of(log + ".gz"), packed.toByteArray());
        System.out.println(events);
    }
}
