import java.util.HashSet;
import java.util.Set;
import org.junit.runner.Description;
import org.junit.runner.JUnitCore;
import org.junit.runner.notification.Failure;
import org.junit.runner.notification.RunListener;

/** Runs the JUnit 4 classes that are named and says of each test whether it passed. One whose assumptions do not hold has not. */
public class RunTests {
    public static void main(String[] names) throws Exception {
        for (String name : names) {
            JUnitCore core = new JUnitCore();
            Set<String> failed = new HashSet<>();
            core.addListener(new RunListener() {
                @Override
                public void testFailure(Failure failure) {
                    failed.add(failure.getDescription().getDisplayName());
                    System.err.println(failure.getDescription() + "\n" + failure.getTrace());
                }

                @Override
                public void testAssumptionFailure(Failure failure) {
                    failed.add(failure.getDescription().getDisplayName());
                }

                @Override
                public void testFinished(Description test) {
                    String called = test.getDisplayName();
                    System.out.println("\n" + called + (failed.contains(called) ? " FAILED" : " PASSED"));
                }
            });
            core.run(Class.forName(name));
        }
        // Some leave threads of their own behind.
        System.exit(0);
    }
}
