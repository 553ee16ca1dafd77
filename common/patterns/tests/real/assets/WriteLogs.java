import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/** Writes the same events by whatever stands behind SLF4J; with "spring", as an application of Spring Boot. */
public final class WriteLogs {
    public static void main(String[] args) throws Exception {
        if (args.length > 0 && args[0].equals("spring")) {
            var application = new org.springframework.boot.SpringApplication(WriteLogs.class);
            application.setDefaultProperties(Map.of("spring.application.name", "billing", "logging.level.com.example", "TRACE"));
            try (var context = application.run(args)) {
                write();
            }
        } else {
            write();
        }
    }

    static void write() throws Exception {
        Logger log = LoggerFactory.getLogger("com.example.billing.InvoiceService");
        log.trace("a trace");
        log.debug("charging {} of {}", 3, 7);
        log.info("charged 3 invoices: done [really] - x=\"1\"");
        log.warn("日志 é");
        log.error("boom", new IllegalStateException("boom: no money", new RuntimeException("why\nover lines")));
        Thread thread = new Thread(() -> LoggerFactory.getLogger("Short").info("from a pool"), "pool-1-thread-[2] of 3");
        thread.start();
        thread.join();
        log.atInfo().addKeyValue("invoice", 17).addKeyValue("who", "jane doe").log("with pairs");
        log.info("");
    }
}
